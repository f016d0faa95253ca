/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_DELIVERY_H
#define RESTANTE_SMTPD_DELIVERY_H

#include "common/address.h"
#include "common/server.h"
#include "common/users.h"
#include "smtpd/session.h"

#include <stdint.h>

/* What a session sends, with the message, to have it delivered here. */
struct delivery {
	char id[MESSAGE_ID + 4];
	char sender[ADDRESS_TEXT]; /* "" for the null path */
	uint32_t count;
	char users[ENVELOPE_RCPTS][USER_NAME + 1];
};

/* Octets of a request for n users. */
#define DELIVERY_SIZE(n)                                                       \
	(offsetof(struct delivery, users) + (n) * (USER_NAME + 1))

bool delivery_valid(const void *payload, size_t size);

/*
 * Workers.  delivery_run: STATUS_OK when every user has the message, durably;
 * lookup_run: whether the payload names a user.
 */
enum status delivery_run(const struct task *);
bool lookup_valid(const void *payload, size_t size);
enum status lookup_run(const struct task *);

#endif
