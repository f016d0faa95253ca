/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_DELIVERY_H
#define RESTANTE_SMTPD_WORKER_DELIVERY_H

#include "common/login/users.h"
#include "common/server/server.h"
#include "common/text/address.h"
#include "smtpd/session/session.h"

#include <stdint.h>

/* What a session sends, with the message, to have it delivered or queued. */

struct delivery {
	char id[MAIL_ID + 4];
	char sender[ADDRESS_TEXT];  /* "" for the null path */
	char envid[MAIL_ENVID + 4]; /* xtext, or "" */
	uint32_t ret;               /* enum ret */
	uint32_t eight_bit;
	uint32_t utf8; /* addresses may be more than ASCII */
	uint32_t need_tls;
	uint32_t tls_optional;
	int32_t priority;
	uint32_t by_mode; /* enum by_mode */
	uint32_t by_trace;
	int32_t by;     /* seconds from now on, if there is a mode */
	uint32_t hold;  /* seconds from now on, not to be sent before */
	uint32_t count; /* of recipients */
	uint32_t length;
	/*
	 * Length octets, for each recipient: its address and its ORCPT, each
	 * with a NUL behind it, then NOTIFY as one octet.
	 */
	char text[ENVELOPE_RCPTS * (ADDRESS_TEXT + MAIL_ORCPT + 4)];
};

/* Octets of a request with so much text. */
#define DELIVERY_SIZE(n) (offsetof(struct delivery, text) + (n))

/* Adds a recipient to a request, which has room for ENVELOPE_RCPTS. */
void delivery_add(struct delivery *, const struct envelope_rcpt *);

bool delivery_valid(const void *payload, size_t size);

/*
 * Workers.  delivery_run: STATUS_OK when every user has the message,
 * STATUS_QUEUED when the rest is in the queue, durably; STATUS_NO: a recipient
 * elsewhere, of somebody who may not send there; STATUS_LATER: nobody has it,
 * enqueue_run() is to queue it.  lookup_run: whether the payload names a user.
 */
enum status delivery_run(const struct task *);
enum status enqueue_run(const struct task *);
bool lookup_valid(const void *payload, size_t size);
enum status lookup_run(const struct task *);

#endif
