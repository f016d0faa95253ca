/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_REPLY_H
#define RESTANTE_SMTPD_LOCAL_REPLY_H

#include "smtpd/local/away.h"

#include <stdio.h>

/*
 * Queues the answer of a user who is away, of which a process of the user's has
 * said the text: hostile.  In a process that ends soon and, if the kernel has
 * Landlock, can write only to the queue from then on.  EXPANDED: it is durable,
 * be it from an earlier try; else DEFERRED, and there is none.
 */
void reply_queue(const struct away *, uint32_t number, const char *text,
    size_t len, struct verdict *);

/* ---- pure but for the stream ---- */

struct reply {
	const char *own;     /* the address that is answered for */
	const char *to;      /* the sender of the message */
	const char *subject; /* "": that of the message */
	const char *text;
	size_t len;
	const char *header; /* of the message that is answered */
	size_t header_len;
	const char *id; /* of the answer */
	const char *host;
	time_t now;
};

/*
 * Writes it in wire form (RFC 3834 section 3); *eight_bit: it is not all ASCII.
 * Errors stay with the stream.
 */
void reply_compose(const struct reply *, FILE *out, bool *eight_bit);

#endif
