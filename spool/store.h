/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_STORE_H
#define RESTANTE_SPOOL_STORE_H

#include "spool/lock.h"

#include <limits.h>
#include <stdbool.h>

/*
 * A user's mail: the mailbox, and a directory of the user's own in which we
 * keep what belongs to it (restante-spool(5)): the journal, the note of an
 * append under way, the index.  Without the directory mail is delivered and
 * read all the same, but not deleted.
 */

/* The files that a process may open from then on; confine_to_store() decides
   that. */
enum store_confined {
	STORE_AT_LARGE,
	STORE_CONFINED,  /* this mailbox, not one that takes its place */
	STORE_NO_MAILBOX /* there was none, and one that comes is not seen */
};

struct store {
	char mailbox[PATH_MAX];
	char directory[PATH_MAX];
	struct lock_stock *stock; /* see confine_to_store(); NULL: none */
	enum store_confined confined;
};

/* A locked store, in which everything that a crash had interrupted is done. */
struct hold {
	struct lock lock; /* lock.fd is the mailbox */
	int directory;    /* or -1 */
	bool unsynced;    /* what was removed may come back after a crash */
};

/*
 * Locks within timeout milliseconds.  0, or -1 with errno as lock_take(); in a
 * confined process ENOENT for a mailbox that came later, ESTALE for one that
 * took the place of ours.
 */
int store_take(struct hold *, const struct store *, enum lock_mode, int timeout)
    __attribute__((warn_unused_result));

/* Unlocks; errno stays. */
void store_release(struct hold *);

/* True if a journal was committed: the next process that takes the store
   finishes it. */
bool store_is_unfinished(const struct store *);

/* For journal_run(): lock_touch() of a struct hold. */
void store_touch(void *hold);

#endif
