/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_STRANGER_H
#define RESTANTE_SMTPD_SESSION_STRANGER_H

#include "common/config/config.h"

#include <stdbool.h>

struct session;

/*
 * Whether the rules of this room are for the client: it came to port 25 from a
 * network that is not in policy-exempt, and has not logged in.
 */
bool stranger_is(const struct session *);

/* Whether policy-exempt names that address, or it is none.  Pure. */
bool stranger_exempt(const struct config *, const char *address);

#endif
