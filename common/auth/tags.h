/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_TAGS_H
#define RESTANTE_COMMON_AUTH_TAGS_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Lists "tag=value; tag=value" (RFC 6376 section 3.2), which DKIM, ARC, DMARC
 * and the key records in the DNS are written in.  Line ends may be LF or CRLF.
 * All results point into the text that was given.  Pure, linear in time.
 */

enum { TAGS_MOST = 128 }; /* a list of more tags is malformed to tags_valid() */

struct tag {
	struct span name;  /* as written: the case of names matters */
	struct span value; /* without blanks and folds at its ends */
};

/* Begins with at and end set. */
struct tags {
	const char *at, *end;
};

enum tags_result {
	TAGS_TAG,
	TAGS_BROKEN, /* something between two semicolons that is no tag */
	TAGS_END,
};

/* The next tag; empty elements are passed over at the end of the list only. */
enum tags_result tags_next(struct tags *, struct tag *);

/* True if all of it is tags, at least one and at most TAGS_MOST, and none of
   them stands there twice. */
bool tags_valid(const char *text, size_t len);

/* The value of the first tag of that name.  false: there is none. */
bool tags_find(
    const char *text, size_t len, const char *name, struct span *value);

/* ---- values ---- */

/* True if it is that text, in any case. */
bool tags_is(struct span, const char *text);

/* Digits alone, at least one; what is above UINT64_MAX becomes that. */
bool tags_number(struct span, uint64_t *number);

/*
 * The next of "a : b : c", without blanks around it; maybe empty.  *rest is
 * what comes after it, and begins as the whole value.  false: that was all.
 */
bool tags_item(struct span *rest, struct span *item);

/* True if it is one of such a list, in any case. */
bool tags_lists(struct span list, const char *item);

/*
 * Base64 with blanks and folds anywhere.  The octets, or -1: it is malformed,
 * or does not fit.  value.len octets of room always suffice.
 */
ssize_t tags_base64(struct span value, void *out, size_t size)
    __attribute__((warn_unused_result));

#endif
