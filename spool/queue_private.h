/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_QUEUE_PRIVATE_H
#define RESTANTE_SPOOL_QUEUE_PRIVATE_H

#include <sys/stat.h>

#include "spool/queue.h"

/* Shared by the parts of the queue; nobody else includes this. */

/* Names that begin so are files not yet finished. */
#define QUEUE_UNFINISHED ".tmp."

/* Renames; EEXIST: the new name is taken. */
int queue_rename(int from, const char *old, int to, const char *new)
    __attribute__((warn_unused_result));

/*
 * Locks the open file for the process that works on it, until the descriptor
 * is closed; EAGAIN or EACCES: another process has the lock.
 */
int queue_lock(int fd) __attribute__((warn_unused_result));

/*
 * Removes the names of unfinished files from a message that has its own:
 * after a power cut btrfs may give it both, the one before the last rename
 * and the one after it.
 */
void queue_forget_unfinished(const struct queue *, const struct stat *);

/* Moves a file that is not a whole message into corrupt/, and logs that. */
void queue_set_aside(
    struct queue *, enum queue_place, const char *name, const char *why);

#endif
