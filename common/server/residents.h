/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_RESIDENTS_H
#define RESTANTE_COMMON_SERVER_RESIDENTS_H

#include "common/server/slot.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The server's side of workers that stay (common/job/resident.h).  A job that
 * is like one of the last second, or any job of some kinds (stay_rules), starts
 * a worker that may become a resident, and later ones like it go there; it ends
 * after a while without one, after so many, and when the names or aliases are
 * others.  It is trusted with nothing but what is its own, has a deadline, and
 * when it is killed those whose jobs it has not answered are told to try again.
 * What it answers is noted in the slots: request_residents_answered() goes on
 * with them.
 */

/*
 * Gives the slot's request, of size octets in the server's buffer, to a
 * resident.  false: there is none for it.
 */
bool residents_take(struct server *, struct slot *, size_t size);

/*
 * Before a worker is forked for the slot's request: may make it one that
 * stays.  Its place, whose end of the pair the task has then, or NULL.
 */
struct resident *residents_offer(struct server *, struct slot *, struct task *);

/* It was forked, or not (-1).  true: it has the slot's job like any other, and
   is not the slot's worker. */
bool residents_begun(struct resident *, struct slot *, struct task *, pid_t);

/* Lists the descriptors to poll, RESIDENTS of them; those that are ready are
   then served. */
void residents_fill(const struct server *, struct pollfd *);
void residents_serve(struct server *, const struct pollfd *);

/* Lets go of those that have had their time. */
void residents_keep(struct server *);
/* How many ms there are until then; INT64_MAX: until something happens. */
int64_t residents_left(const struct server *);

/*
 * Notes that a process has ended, which is a zombie still: true if it was a
 * resident.  Its slots go on when nobody of its process group is left.
 */
bool residents_ended(struct server *, pid_t, int status);
void residents_settle(struct server *);

/* True if there is none. */
bool residents_none(const struct server *);

/* Lets all of them go. */
void residents_close(struct server *);

#endif
