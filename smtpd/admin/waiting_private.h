/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_WAITING_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_WAITING_PRIVATE_H

#include "common/config/config.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * What waits in the queue, as --alert and --letter both see it.  Mail on hold
 * waits for the administrator, and does not count; mail that its sender has
 * asked to be sent later (FUTURERELEASE) does not wait before that.
 */

enum {
	WAITING_LATE = 4, /* hours; who waits for longer is late */
	WAITING_REPLY = 300,
	WAITING_DOMAIN = 128,
};

struct waiting {
	bool known; /* false: the rest is what was found until it failed */
	size_t count, held, late; /* messages; late is a part of count */
	/* The one that waits longest, and a domain that it is for, or "". */
	time_t since;
	char id[MAIL_ID + 1], domain[WAITING_DOMAIN];
	char reply[WAITING_REPLY]; /* the last one to a late one, or "" */
	char login[WAITING_REPLY]; /* a refusal of our login, or "" */
};

/* sudo: the command that looks, for the error that only root may. */
void waiting_search(const struct config *, const char *sudo, struct waiting *);

#endif
