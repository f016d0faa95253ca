/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_CANON_H
#define RESTANTE_COMMON_AUTH_CANON_H

#include "common/mime/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The canonical forms of messages (RFC 6376 section 3.4): what is signed, and
 * not quite what was sent.  Line ends may be LF or CRLF, and are CRLF in what
 * comes out; a CR without LF is an octet like others.  Pure.
 */

enum canon { CANON_SIMPLE, CANON_RELAXED };

/* The receiver of the octets. */
struct canon_sink {
	void (*put)(void *context, const char *octets, size_t len);
	void *context;
};

/* ---- the header section ---- */

/* Writes a field, with its CRLF. */
void canon_field(enum canon, const struct field *, const struct canon_sink *);

/*
 * Writes the field that holds the signature itself: without the value of its
 * tag b, and without CRLF.
 */
void canon_signature(
    enum canon, const struct field *, const struct canon_sink *);

/* ---- the body, in pieces of any size ---- */

enum { CANON_HELD = 4096 };

/*
 * Begins with form, limit and sink set, all else zero.  Memory does not grow
 * with the body, not even with empty lines, which are only counted until text
 * follows them.
 */
struct canon_body {
	enum canon form;
	uint64_t limit; /* octets that go to the sink; UINT64_MAX: all */
	struct canon_sink sink;
	uint64_t octets; /* of the canonical form, those above limit as well */
	uint64_t empty;  /* lines since the last one that was not */
	bool cr;         /* a CR, until it is known whether LF follows */
	bool blank;      /* relaxed: blanks, until something follows them */
	bool text;       /* the line under way is not empty */
	size_t held;
	char out[CANON_HELD];
};

void canon_body_feed(struct canon_body *, const char *data, size_t len);

/* The body is over: the rest goes to the sink, and octets is final. */
void canon_body_end(struct canon_body *);

#endif
