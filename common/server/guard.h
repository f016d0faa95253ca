/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_GUARD_H
#define RESTANTE_COMMON_SERVER_GUARD_H

#include "common/job/login.h"
#include "common/server/penalty.h"
#include "common/server/slot.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The server's own protection: who is served, and how.  It alone writes the
 * penalties; trouble with them is logged once, and then everybody is served.
 */

/*
 * True if a client is served; tells what its session is told.  Else why has the
 * reason for the log.
 */
bool guard_admits(struct server *, const struct peer *, enum role,
    struct welcome *, char why[PENALTY_TEXT]);

/* True if a payload is one of REQUEST_OFFENCE, which a session may send. */
bool guard_valid(const void *payload, size_t size);

/* Counts it against the slot's client. */
void guard_offence(struct server *, const struct slot *, const void *payload);

/* The slot's client gave a wrong name or password. */
void guard_login_failed(
    struct server *, const struct slot *, const struct login *);

#endif
