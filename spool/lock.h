/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_LOCK_H
#define RESTANTE_SPOOL_LOCK_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * The lock of a mailbox: fcntl (an open-file-description lock on the whole
 * file) and, for writing, a dotlock beside it; a reader waits for the dotlocks
 * of others.  All are tried without waiting; when one fails everything is
 * released and tried again after a random pause.  So no order that another
 * program takes them in can deadlock with us.
 */

enum lock_mode {
	LOCK_TO_READ,
	LOCK_TO_WRITE,
	LOCK_TO_CREATE, /* for writing; makes the mailbox if there is none */
};

struct lock_stock;

struct lock {
	int fd; /* the mailbox, open for reading (and writing) */
	int directory;
	bool dotlock;
	struct lock_stock *stock; /* where dotlocks come from; NULL: made */
	char name[NAME_MAX + 1];  /* of the mailbox in its directory */
};

/*
 * Locks the mailbox within timeout milliseconds.  0, or -1 with errno:
 * EWOULDBLOCK (another program has it), ENOENT (there is none, and mode is not
 * LOCK_TO_CREATE), EPERM (not a regular file of ours with one name).
 */
int lock_take(struct lock *, const char *path, enum lock_mode, int timeout)
    __attribute__((warn_unused_result));

/* Takes it by a dotlock of the stock, unless that is NULL. */
int lock_take_by(struct lock *, const char *path, struct lock_stock *,
    enum lock_mode, int timeout) __attribute__((warn_unused_result));

/* Updates the time of the dotlock, so that nobody takes it for stale. */
void lock_touch(const struct lock *);

/*
 * Removes the temporary files of that mailbox's lock that dead processes have
 * left.  lock_take() does so when it has broken a stale lock; the folder may
 * hold many mailboxes, and is read.
 */
void lock_collect(const struct lock *);

/* Unlocks and closes. */
void lock_release(struct lock *);

/* The same, by a process that may lock again, and may have nothing left for it.
 */
void lock_put_back(struct lock *);

#endif
