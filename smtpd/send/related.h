/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_RELATED_H
#define RESTANTE_SMTPD_SEND_RELATED_H

#include "smtpd/send/part.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds which parts a copy of HTML refers to by their names, gives those an id,
 * and puts the id in place of the name: names may hold what an id must not.
 * host ends the ids.  EX_OK, or what to exit with.
 */
int related_resolve(struct source *html, struct part *, size_t nparts,
    const char *host) __attribute__((warn_unused_result));

/* References from HTML to other parts, as in src="cid:disk.png".  Pure. */

struct cid {
	size_t at; /* of the name after "cid:" */
	size_t len;
};

/*
 * The first reference from the octet `from` on: "cid:" in any case, after a
 * quote, "=" or "(", up to what ends such a value.
 */
bool cid_next(const char *html, size_t len, size_t from, struct cid *);

/* True if a reference is to that file: as it is, or with %XX (RFC 2392). */
bool cid_is(const char *reference, size_t len, const char *name);

#endif
