/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_PATIENCE_H
#define RESTANTE_COMMON_SERVER_PATIENCE_H

#include "common/server/slot.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * How long the server waits for its children.  Each has limits of its own, by
 * which it should end; these come later, are kept by somebody else, and end
 * with SIGKILL.  Nothing is lost by that: a message that was not answered for
 * is its client's still, and what a worker leaves half done, the next one to
 * open the mailbox repairs.
 */

/* The slot's worker has been started, for a request of that kind. */
void patience_start(const struct server *, struct slot *, enum request_kind);

/* How many ms there are to the next deadline; INT64_MAX: there is none. */
int64_t patience_left(struct server *);

/* Kills who is late, if the time that patience_left() has told is over. */
void patience_keep(struct server *);

/*
 * A child was stopped (SIGSTOP), which only its own user can do, and root: it
 * is killed, or it would hold its slot for as long as that user likes.
 */
void patience_stopped(struct server *, pid_t);

#endif
