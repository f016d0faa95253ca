/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_BINARY_H
#define RESTANTE_SMTPD_SESSION_BINARY_H

#include "common/mime/multipart.h"
#include "common/text/base64.h"
#include "smtpd/session/reply.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A message with BODY=BINARYMIME becomes one of lines (RFC 3030 section 3), for
 * that is what mailboxes and queues hold.  One pass and bounded memory, no I/O.
 *
 * A part that says "binary" is encoded in base64, and says so; a multipart or
 * message says 8bit, and its parts are looked at.  All other octets stay, so
 * what must not be among them (NUL, a bare CR or LF) is still for the reader of
 * the output to refuse.
 */

enum { BINARY_OUT = 4096 };

struct binary {
	enum smtp_reply refusal; /* why it cannot be done, or REPLY_NONE */

	/* The rest is its own. */
	struct multipart walk;
	bool version;  /* the header in hand has MIME-Version */
	bool cut;      /* its last field has no line end */
	bool encoding; /* the body in hand becomes base64 */
	bool owed;     /* a line end, unless a delimiter brings one */
	struct base64_encoder base64;
	const char *text, *body; /* to be given; to be encoded */
	size_t len, body_len;
	char out[BINARY_OUT];
	char room[HEADER_KEPT];
};

/* A message begins. */
void binary_begin(struct binary *);

/* The next octets, which stay until binary_next() says false. */
void binary_feed(struct binary *, const char *data, size_t len);

/* The message is over. */
void binary_finish(struct binary *);

/* The next piece of what becomes of it, in lines that end in CR LF; false: all
   that was fed is done, or it is refused. */
bool binary_next(struct binary *, const char **text, size_t *len);

#endif
