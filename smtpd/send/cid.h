/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_CID_H
#define RESTANTE_SMTPD_SEND_CID_H

#include <stdbool.h>
#include <stddef.h>

/* References from HTML to other parts, as in src="cid:disk.png".  Pure. */

struct cid {
	size_t at; /* of the name behind "cid:" */
	size_t len;
};

/*
 * The first reference from the octet `from` on: "cid:" in any case, behind a
 * quote, "=" or "(", up to what ends such a value.
 */
bool cid_next(const char *html, size_t len, size_t from, struct cid *);

/* Whether a reference is to that file: as it is, or with %XX (RFC 2392). */
bool cid_is(const char *reference, size_t len, const char *name);

#endif
