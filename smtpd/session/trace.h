/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_TRACE_H
#define RESTANTE_SMTPD_SESSION_TRACE_H

#include "common/mime/header.h"
#include "smtpd/session/session.h"

#include <stdbool.h>
#include <stddef.h>

/* Received: fields (RFC 5321 section 4.4): the one we write, those we count. */

enum { TRACE_SIZE = 2048 };

/* Writes our field, lines ended by LF; its length. */
size_t trace_received(
    const struct session *, const char *id, char text[TRACE_SIZE]);

enum {
	TRACE_ID = 256,
	TRACE_ROOM = 2048, /* octets of a field that are looked at */
};

/* The facts found in a message's header section as it streams by.  Begins
   zeroed. */
struct trace_header {
	bool over; /* an empty line was there */
	unsigned received;
	char message_id[TRACE_ID]; /* without < and >; "": none so far */
	bool tls_optional;         /* TLS-Required: No (RFC 8689 section 5) */
	/* True if there are, or may be, Authentication-Results or a DKIM
	   signature. */
	bool vouched;

	/* The rest is its own. */
	bool ended;    /* the section; lines that are no fields may follow */
	bool at_start; /* of one of these lines */
	struct header_walk walk;
	char room[TRACE_ROOM];
};

/* Takes the next piece of the message, with LF line ends. */
void trace_header(struct trace_header *, const char *data, size_t len);

/* The message is over. */
void trace_header_end(struct trace_header *);

#endif
