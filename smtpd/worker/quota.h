/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_QUOTA_H
#define RESTANTE_SMTPD_WORKER_QUOTA_H

#include "common/login/users.h"
#include "common/server/server.h"
#include "smtpd/session/session.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The quota at RCPT: better no mail is taken than mail that cannot be
 * delivered.  What counts is the delivery, which looks again under the lock.
 */

/* What a session asks by REQUEST_ROOM. */
struct room {
	uint64_t size; /* of the message, as MAIL's SIZE told; 0: unknown */
	char user[USER_NAME + 1];
};

bool quota_valid(const void *payload, size_t size);

/*
 * The worker: STATUS_OK; STATUS_FULL: not now; STATUS_NO: the message is larger
 * than the quota.  Mail for one who has a .forward is not the mailbox's.
 */
enum status quota_run(const struct task *);

/*
 * The reply that refuses mail of the transaction under way for a user, or NULL.
 * Mail from this machine's programs is left to the queue: most of them would
 * lose it.
 */
const char *quota_refusal(const struct session *, const char *user);

#endif
