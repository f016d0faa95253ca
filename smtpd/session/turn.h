/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_TURN_H
#define RESTANTE_SMTPD_SESSION_TURN_H

#include <stdbool.h>

struct session;

/*
 * Clients that speak when it is not their turn: those who send spam do not
 * wait for replies.  Each refuses, logs, and answers false where the session
 * is to end; for clients that no rule is about it answers true at once.
 */

/* Waits for greet-delay before the greeting (RFC 5321 section 3.1). */
bool turn_greet(struct session *);

/*
 * Before a command is obeyed: with pipelining-check, whether it may have others
 * behind it that did not wait for its reply (RFC 2920 section 3.1).
 */
bool turn_command(struct session *, const char *line);

#endif
