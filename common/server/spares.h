/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_SPARES_H
#define RESTANTE_COMMON_SERVER_SPARES_H

#include "common/server/slot.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Sessions that are forked before their clients come, while many come: by a
 * process that has given up its rights already, so that they need not.  They
 * are children of the server, wait for one order, and have seen nothing of any
 * client before.
 */

/*
 * Gives a connection to a session that waits, and leaves the server's end of
 * its channel in *channel.  Its process id; 0: there is none to be had, and the
 * session has to be forked.
 */
pid_t spares_take(struct server *, const struct connection *, int *channel);

/* Lets those go that nobody has needed for a while, or soon. */
void spares_keep(struct server *);
int64_t spares_left(const struct server *);

/* Notes that a child has ended; true if it was the one that forks them. */
bool spares_ended(struct server *, pid_t, int status);

/* Ends them all. */
void spares_close(struct server *);

#endif
