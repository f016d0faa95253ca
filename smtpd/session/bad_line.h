/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_BAD_LINE_H
#define RESTANTE_SMTPD_SESSION_BAD_LINE_H

#include "smtpd/session/session.h"

/*
 * Replies to a line that did not come as it should, and logs it if the session
 * ends with it.
 */
enum next bad_line_answer(struct session *, enum line);

#endif
