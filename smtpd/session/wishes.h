/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_WISHES_H
#define RESTANTE_SMTPD_SESSION_WISHES_H

#include "smtpd/session/session.h"

#include <stdbool.h>

/*
 * When a client wants its message sent: HOLDFOR and HOLDUNTIL (RFC 4865), by
 * when (RFC 2852), and with which priority (RFC 6710).
 */

enum { WISHES_SOONEST = 60 }; /* seconds, of BY with R */

/*
 * Puts what the parameters of MAIL wish into an envelope.  NULL, or the reply
 * that refuses it.  Strangers' mail has no higher priority than ours.
 */
const char *wishes_take(
    const struct session *, const struct mail_params *, struct envelope *);

/* The reply to a MAIL that is fine. */
const char *wishes_reply(const struct mail_params *, const struct envelope *);

#endif
