/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_BY_H
#define RESTANTE_SMTPD_QUEUE_BY_H

#include "smtpd/agent/agent.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <time.h>

/*
 * DELIVERBY (RFC 2852): a message that is returned at its deadline, or whose
 * sender is then told that it is late.  Pure.
 */

/* True if it is to be returned instead of tried again. */
bool by_is_over(const struct mail *, time_t now);

/* True if a report that it is late is due, and was not sent yet. */
bool by_is_late(const struct mail *, const struct slot_state *, time_t now);

/* True if no report of a delay is due before that time. */
bool by_is_early(const struct mail *, time_t now);

/* True if a report that the message was relayed to the recipient is due;
   relayed: bits of enum relayed. */
bool by_is_handed_on(
    const struct mail *, const struct recipient *, unsigned relayed);

/* The time of the next try, moved to the deadline if that is earlier. */
time_t by_next(const struct mail *, time_t now, time_t next);

/* until, or the deadline if that is earlier. */
time_t by_until(const struct mail *, time_t until);

#endif
