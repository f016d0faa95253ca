/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_LISTING_H
#define RESTANTE_SPOOL_LISTING_H

#include "spool/index.h"
#include "spool/mailbox.h"
#include "spool/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The messages of a mailbox as they are while it is locked. */

struct listing {
	const struct message *list; /* in the index, or owned */
	size_t count;
	uint64_t octets; /* of all but a pseudo message */
	uint64_t ascii;  /* the same for clients without UTF-8 */
	bool pseudo;     /* the first one is c-client's */
	struct stat seen;
	struct index index;    /* also where the list is owned: where it lies */
	struct message *owned; /* or NULL */
};

/*
 * Lists the messages: from the index if it fits, else by a scan of what is
 * new, or of all; then the index is made to fit.  0, or -1 with errno;
 * FOREIGN_FILE: the file is no mbox.
 */
int listing_load(struct listing *, const struct hold *)
    __attribute__((warn_unused_result));
void listing_free(struct listing *);

/*
 * Loads it, but does not read an index that fits beyond its header: however
 * many messages there are, this takes no longer.  A record may be used when
 * listing_good_at() has just answered true.
 */
int listing_open(struct listing *, const struct hold *)
    __attribute__((warn_unused_result));
bool listing_good_at(const struct listing *, size_t);
/* Answers the same for all records from index first on. */
bool listing_good(const struct listing *, size_t first);

/* True if the ids of all messages are known. */
bool listing_identified(const struct listing *);

/*
 * Makes the ids that are not known, of a mailbox that is as it was listed; all
 * its records are good.  0, or -1 with errno.
 */
int listing_identify(struct listing *, const struct hold *)
    __attribute__((warn_unused_result));

/* Makes the list one that the caller may change.  0, or -1: no memory. */
int listing_own(struct listing *) __attribute__((warn_unused_result));

/*
 * Lists again when a listing is not good, if the mailbox is as it was.  0, or
 * -1 with errno; ESTALE: it is not.
 */
int listing_repair(struct listing *, const struct hold *)
    __attribute__((warn_unused_result));

/* True if the mailbox is as it was when it was listed. */
bool listing_fits(const struct listing *, const struct stat *);

/*
 * True if messages were added and nothing else has changed; as long as the
 * index was kept this takes no longer for many messages.
 */
bool listing_only_grew(const struct listing *old, const struct listing *now);

/*
 * Finds each message of the old listing in the new one, whose records are
 * good: where[i] is its index, or SIZE_MAX; that is so, too, if it may be one
 * of several.  0, or -1: no memory.
 */
int listing_match(const struct listing *old, const struct listing *now,
    size_t *where) __attribute__((warn_unused_result));

/*
 * Removes the messages whose gone[index] is set from the mailbox, which is
 * locked for writing, durably, and makes the index fit: expunge.c.  0, or -1
 * with errno.
 */
int listing_expunge(const struct listing *, struct hold *, const bool *gone)
    __attribute__((warn_unused_result));

#endif
