/* SPDX-License-Identifier: ISC */
/* The deadline that a sender has set for a delivery. */
#include "smtpd/queue/by.h"

bool
by_is_over(const struct mail *m, time_t now)
{
	return m->by.mode == BY_RETURN && now >= m->by.time;
}

/* A message that arrived late was reported by the server that sent it. */
static bool
is_notify(const struct mail *m)
{
	return m->by.mode == BY_NOTIFY && m->by.time > m->arrival;
}

bool
by_is_late(const struct mail *m, const struct slot_state *slot, time_t now)
{
	return is_notify(m) && now >= m->by.time && !slot->delay_notice;
}

bool
by_is_early(const struct mail *m, time_t now)
{
	return is_notify(m) && now < m->by.time;
}

bool
by_is_handed_on(
    const struct mail *m, const struct recipient *r, unsigned relayed)
{
	if (m->by.mode == BY_UNSAID || m->sender[0] == '\0' ||
	    (r->notify & NOTIFY_NEVER) != 0) {
		return false;
	}
	return m->by.trace ||
	       (m->by.mode == BY_NOTIFY && (relayed & RELAYED_WITHOUT_BY) != 0);
}

time_t
by_next(const struct mail *m, time_t now, time_t next)
{
	return m->by.mode != BY_UNSAID && now < m->by.time && m->by.time < next
	           ? m->by.time
	           : next;
}

time_t
by_until(const struct mail *m, time_t until)
{
	return m->by.mode == BY_RETURN && m->by.time < until ? m->by.time
	                                                     : until;
}
