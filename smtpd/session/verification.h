/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_VERIFICATION_H
#define RESTANTE_SMTPD_SESSION_VERIFICATION_H

#include "smtpd/job/requests.h"
#include "smtpd/session/incoming.h"

/*
 * Has a worker find out who vouches for a stranger's message.  The reply that
 * refuses it, or REPLY_NONE; the answer says whose policy that is.
 */
enum smtp_reply verification_ask(
    const struct incoming *, struct verify_answer *);

#endif
