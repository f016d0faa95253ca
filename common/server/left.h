/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_LEFT_H
#define RESTANTE_COMMON_SERVER_LEFT_H

#include "common/server/slot.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Process groups that do not end though they were killed: what a user has
 * mounted, or a disk, can hold a process in the kernel for good (fuse(4)).  A
 * process that was killed never runs on, so that nobody need wait for it.
 */

enum { LEFT_DEATH = 10 * 1000 }; /* ms for the end of who was killed */

/* True if a process group has a member left, be it a zombie. */
bool left_is_inhabited(pid_t group);

/* Waits for a group no longer.  False if there are too many already. */
bool left_add(struct server *, pid_t group);

/* Forgets the groups that have ended at last. */
void left_settle(struct server *);

/* So many that nobody is given a user's files: mail is queued instead. */
bool left_are_many(const struct server *);

#endif
