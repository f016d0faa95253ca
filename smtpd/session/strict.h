/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_STRICT_H
#define RESTANTE_SMTPD_SESSION_STRICT_H

#include "smtpd/session/reply.h"

#include <stdbool.h>

/*
 * Commands by the letter of RFC 5321 section 4.1.1, for the profile "strict":
 * deviations that are tolerated otherwise, for the sake of old clients, are
 * refused.  Pure.
 */

/*
 * The reply to a command line that the letter does not allow; REPLY_NONE if it
 * does, or says nothing of that command.  Blanks at the end have been cut off,
 * as section 4.1.1 wants it.  esmtp: the client has said EHLO, and not HELO.
 */
enum smtp_reply strict_fault(const char *line, bool esmtp);

#endif
