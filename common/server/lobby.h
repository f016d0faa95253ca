/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_LOBBY_H
#define RESTANTE_COMMON_SERVER_LOBBY_H

#include "common/server/slot.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Clients wait here for a place that a session was told to leave: for at most
 * some seconds, and only a few of them.
 */

/* Lets a client wait, whose descriptor it takes.  false: no room for it. */
bool lobby_enter(struct server *, int fd, const struct peer *,
    const struct welcome *, struct service_kind);

/* Serves those for whom there is a place now; refuses who waits too long. */
void lobby_serve(struct server *);

/* How many ms there are until it should be looked at; INT64_MAX: empty. */
int64_t lobby_left(const struct server *);

/* Refuses all. */
void lobby_close(struct server *);

#endif
