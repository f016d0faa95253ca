/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_TRACE_H
#define RESTANTE_SMTPD_SESSION_TRACE_H

#include "smtpd/session/session.h"

#include <stdbool.h>
#include <stddef.h>

/* Received: fields (RFC 5321 section 4.4): the one we write, those we count. */

enum { TRACE_SIZE = 2048 };

/* Writes our field, lines ended by LF; its length. */
size_t trace_received(
    const struct session *, const char *id, char text[TRACE_SIZE]);

enum { TRACE_LINE = 256 };

/* What a message's header section tells, line by line as it streams by. */
struct trace_header {
	char line[TRACE_LINE]; /* the start of the line under way */
	size_t len;
	bool first_is_field; /* the first line looks like a header field */
	bool first_known;
	size_t name; /* octets of it seen */
	bool body;
	unsigned received;
	bool id_follows; /* on the next line, if that is a folded one */
	char message_id[TRACE_LINE]; /* without < and >; "": none so far */
	bool tls_optional;           /* TLS-Required: No (RFC 8689 section 5) */
};

/* Takes the next piece of the message, with LF line ends. */
void trace_header(struct trace_header *, const char *data, size_t len);

#endif
