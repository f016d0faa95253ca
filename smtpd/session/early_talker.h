/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_EARLY_TALKER_H
#define RESTANTE_SMTPD_SESSION_EARLY_TALKER_H

#include <stdbool.h>

struct session;

/*
 * Clients that speak before they may: programs that send spam do not wait for
 * replies.  Each function refuses, logs, and answers false where the session is
 * to end; for exempt clients it answers true at once.
 */

/* Waits for greet-delay before the greeting (RFC 5321 section 3.1). */
bool early_talker_greet(struct session *);

/*
 * Before a command is run: with pipelining-check, false if others follow it
 * that did not wait for its reply (RFC 2920 section 3.1).
 */
bool early_talker_command(struct session *, const char *line);

#endif
