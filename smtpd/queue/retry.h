/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_RETRY_H
#define RESTANTE_SMTPD_QUEUE_RETRY_H

#include "spool/mail.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* When to try again, and when to give up.  Pure. */

enum {
	RETRY_FIRST = 5 * 60,     /* seconds */
	RETRY_MOST = 4 * 60 * 60, /* and a fifth of jitter on top */
	RETRY_LIFE = 5 * 24 * 60 * 60,
	RETRY_TRIES = 8,            /* at least, however old it is */
	RETRY_NOTICE = 4 * 60 * 60, /* age at which the sender hears of it */
};

/* The next try of a recipient that was tried just now for the n-th time. */
time_t retry_next(time_t now, unsigned attempts, uint32_t random);

/* Whether it is to be tried now; a clock that was set back does not stop it. */
bool retry_due(time_t now, const struct slot_state *);

bool retry_expired(time_t now, time_t arrival, const struct slot_state *);
/* When it is given up, if it was tried often enough. */
time_t retry_until(const struct mail *);
bool retry_notice_due(time_t now, time_t arrival, const struct slot_state *);

#endif
