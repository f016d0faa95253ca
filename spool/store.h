/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_STORE_H
#define RESTANTE_SPOOL_STORE_H

#include "spool/lock.h"

#include <limits.h>

/*
 * A user's mail: the mailbox, and a directory of the user's own in which we
 * keep what belongs to it (restante-spool(5)): the journal, the note of an
 * append under way, the index.  Without the directory mail is delivered and
 * read all the same, but not deleted.
 */

struct store {
	char mailbox[PATH_MAX];
	char directory[PATH_MAX];
};

/* Hold of a store: the lock, with everything that a crash left undone done. */
struct hold {
	struct lock lock; /* lock.fd is the mailbox */
	int directory;    /* or -1 */
};

/*
 * Takes hold within timeout milliseconds.  0, or -1 with errno as lock_take().
 */
int store_take(struct hold *, const struct store *, enum lock_mode, int timeout)
    __attribute__((warn_unused_result));

/* Lets go; errno stays. */
void store_release(struct hold *);

/* For journal_run(): keeps the dotlock of a struct hold young. */
void store_touch(void *hold);

#endif
