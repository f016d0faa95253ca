/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_TLSRPT_H
#define RESTANTE_COMMON_AUTH_TLSRPT_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/* The records by which a domain asks for reports on TLS (RFC 8460 section 3).
   Pure. */

/* True if a TXT record of _smtp._tls.DOMAIN is one. */
bool tlsrpt_record_is(struct span text);

/* Its list of URIs, rua; false: malformed. */
bool tlsrpt_record_read(struct span text, struct span *rua);

enum { TLSRPT_URI = 256 };

/* Where reports are sent to. */
struct tlsrpt_uri {
	char text[TLSRPT_URI]; /* an address, or all of an https: URI */
	bool web;
	/* Parts of text, for the web: */
	char host[TLSRPT_URI];
	unsigned port;
	size_t path; /* where in text it begins: with "/", or one is missing */
};

/* Takes the next URI that can be used; false: there is none. */
bool tlsrpt_uri_next(struct span *rua, struct tlsrpt_uri *);

#endif
