/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_HTTPS_H
#define RESTANTE_SMTPD_RELAY_HTTPS_H

#include "common/dns/dns.h"
#include "common/text/http.h"
#include "common/tls/tls_client.h"

#include <sys/types.h>

/* One request to a web server by HTTPS (RFC 9110 section 4.2.2), which must
   prove who it is. */

struct https_request {
	const char *host;
	unsigned port;
	const char *path; /* "/.well-known/mta-sts.txt" */
	/* Further fields, each with CRLF. */
	const char *fields;
	struct span body; /* POST; without octets: GET */
	int patience;     /* ms for all of it */
};

enum { HTTPS_BODY = 32 * 1024 }; /* octets of an answer that are read */

enum https_result {
	HTTPS_ANSWERED,
	HTTPS_SILENT,    /* why says why, for people */
	HTTPS_UNTRUSTED, /* so it does for who has not proved who it is */
};

/*
 * Asks.  Needs sockets only; dns, and tls with those that we trust, are opened
 * before.  The body of the answer is written to body.
 */
enum https_result https_ask(struct dns *, const struct tls_client *,
    const struct https_request *, struct http_answer *, char *body, size_t size,
    char why[CONFIG_ERROR]);

#endif
