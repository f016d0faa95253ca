/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_BY_H
#define RESTANTE_SMTPD_QUEUE_BY_H

#include "smtpd/agent/agent.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <time.h>

/*
 * DELIVERBY (RFC 2852): a message that comes back when its time is over, or
 * whose sender then hears that it is late.  Pure.
 */

/* Whether it is to come back, and not to be tried again. */
bool by_is_over(const struct mail *, time_t now);

/* Whether the sender is to hear now that it is late, and has not. */
bool by_is_late(const struct mail *, const struct slot_state *, time_t now);

/* Whether the sender wants to hear of it then, and not earlier. */
bool by_is_early(const struct mail *, time_t now);

/* Whether the sender is to hear that the recipient's copy was handed on;
   relayed: bits of enum relayed. */
bool by_is_handed_on(
    const struct mail *, const struct recipient *, unsigned relayed);

/* The next try: no later than its time. */
time_t by_next(const struct mail *, time_t now, time_t next);

/* When a message that was given up at that time is given up with this. */
time_t by_until(const struct mail *, time_t until);

#endif
