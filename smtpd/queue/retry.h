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
	RETRY_MOST = 4 * 60 * 60, /* plus up to a fifth of jitter */
	RETRY_LIFE = 5 * 24 * 60 * 60,
	RETRY_TRIES = 8,            /* at least, however old it is */
	RETRY_NOTICE = 4 * 60 * 60, /* age at which the sender is told */
	/* While a next hop that the configuration names does not work. */
	RETRY_SOON_FIRST = 30,
	RETRY_SOON_MOST = 10 * 60, /* plus up to a fifth of jitter */
};

/* The next try of a recipient after the given number of attempts. */
time_t retry_next(time_t now, unsigned attempts, uint32_t random);
time_t retry_soon(time_t now, unsigned attempts, uint32_t random);

/* True if a try is due; a clock that was set back does not prevent it. */
bool retry_due(time_t now, const struct slot_state *);

bool retry_expired(time_t now, time_t arrival, const struct slot_state *);
/* When it is given up, if there were RETRY_TRIES by then. */
time_t retry_until(const struct mail *);
bool retry_notice_due(time_t now, time_t arrival, const struct slot_state *);

#endif
