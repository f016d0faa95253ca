/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_KEEPERS_H
#define RESTANTE_COMMON_SERVER_KEEPERS_H

#include "common/server/slot.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The server's side of the processes that keep the private keys
 * (common/keeper/): one that new sessions use, one that is reading keys, and
 * earlier ones, until the last session that shows their certificates has its
 * signature.  The server has the certificates, and never a key.  It waits for
 * none of them, but for keepers_wait(), and believes none: each has a
 * deadline.
 */

/* True if there are keys: a keeper has reported. */
bool keepers_have_keys(const struct server *);

/* Starts one if there is none, and none is starting. */
void keepers_want(struct server *);

/* Starts one that replaces another if the files have changed. */
void keepers_refresh(struct server *);

/* Waits until there are keys: before anybody is served.  false: why is logged.
 */
bool keepers_wait(struct server *);

/* Lists the descriptors to poll, KEEPERS of them; those that are ready are
   then served. */
void keepers_fill(const struct server *, struct pollfd *);
void keepers_serve(struct server *, const struct pollfd *);

/* Keeps deadlines, and lets go of those that nobody needs. */
void keepers_keep(struct server *);
/* How many ms there are until then; INT64_MAX: until something happens. */
int64_t keepers_left(const struct server *);

/* Notes that a child has ended; true if it was one of them. */
bool keepers_ended(struct server *, pid_t, int status);

/* Its starter has been let go: new sessions need another keeper and starter. */
void keepers_starter_gone(struct server *, const struct keeper *);

/* Has the question in the slot's payload answered: now or later. */
void keepers_ask(struct server *, struct slot *);

/* Ends them all. */
void keepers_close(struct server *);

#endif
