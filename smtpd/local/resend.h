/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_RESEND_H
#define RESTANTE_SMTPD_LOCAL_RESEND_H

#include "common/login/users.h"
#include "smtpd/local/local_message.h"
#include "smtpd/local/verdict.h"
#include "smtpd/route/expand.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Puts a message into the queue again, for the addresses in a ~/.forward.  The
 * text comes from a process of the user's: it is parsed as hostile.
 */

struct resend {
	const struct expand *expand;
	const struct local_message *message;
	uint32_t number;  /* of the recipient in the message */
	const char *user; /* whose ~/.forward it is, a user_name() */
	const char *text;
	size_t len;
};

/*
 * True: the verdict says what became of it: EXPANDED when the new message is
 * durable, FAILED when it has been here before, DEFERRED for all trouble.
 * False: the text names nobody else, so that the mailbox is meant.
 */
bool resend_message(const struct resend *, struct verdict *);

/*
 * Does the same in a process that ends soon and, if the kernel has Landlock,
 * can write only to the queue from then on.  False becomes EXPANDED with
 * mailbox set.
 */
void resend_confined(const struct resend *, struct verdict *);

#endif
