/* SPDX-License-Identifier: ISC */
/* The policy of retries, without a clock of its own. */
#include "smtpd/queue/retry.h"

#include "smtpd/queue/by.h"

/* A slot whose next try is later than this was written by a wrong clock. */
enum { FURTHEST = RETRY_MOST + RETRY_MOST / 5 };

static time_t
back_off(time_t now, unsigned attempts, uint32_t random, uint32_t first,
    uint32_t most)
{
	uint32_t wait = first;

	for (unsigned n = 1; n < attempts && wait < most; n++) {
		wait *= 2;
	}
	if (wait > most) {
		wait = most;
	}
	/* Jitter spreads recipients that failed together. */
	return now + (time_t)(wait + random % (wait / 5 + 1));
}

time_t
retry_next(time_t now, unsigned attempts, uint32_t random)
{
	return back_off(now, attempts, random, RETRY_FIRST, RETRY_MOST);
}

time_t
retry_soon(time_t now, unsigned attempts, uint32_t random)
{
	return back_off(
	    now, attempts, random, RETRY_SOON_FIRST, RETRY_SOON_MOST);
}

bool
retry_due(time_t now, const struct slot_state *slot)
{
	return slot->next <= now || slot->next - now > FURTHEST;
}

bool
retry_expired(time_t now, time_t arrival, const struct slot_state *slot)
{
	return slot->attempts >= RETRY_TRIES && now - arrival >= RETRY_LIFE;
}

time_t
retry_until(const struct mail *m)
{
	return by_until(m, mail_begins(m) + RETRY_LIFE);
}

bool
retry_notice_due(time_t now, time_t arrival, const struct slot_state *slot)
{
	return !slot->delay_notice && slot->attempts > 0 &&
	       now - arrival >= RETRY_NOTICE;
}
