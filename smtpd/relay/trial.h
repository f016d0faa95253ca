/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_TRIAL_H
#define RESTANTE_SMTPD_RELAY_TRIAL_H

#include "common/config/config.h"
#include "smtpd/route/hop.h"

/* A login at a smarthost is tried, and nothing is sent. */

enum trial {
	TRIAL_GOOD,
	TRIAL_UNREACHED, /* no session, or it was lost */
	TRIAL_LOGIN,     /* it refuses name or password */
	TRIAL_SENDER,    /* logged in, but it refuses the sender */
};

/*
 * Logs in as mail to this hop would, with the hop's own password or that of
 * relay-password, and asks whether the sender may send (MAIL).  Within a
 * minute, by a process that is confined as a relay agent is.  why is what the
 * host has answered, for people, unless all is good.
 */
enum trial trial_run(const struct config *, const struct hop *,
    const char *sender, char why[CONFIG_ERROR]);

#endif
