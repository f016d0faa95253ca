/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_INDEX_H
#define RESTANTE_SPOOL_INDEX_H

#include "spool/mailbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * The index of a mailbox: a cache of its messages, so that a login reads no
 * mail.  It is believed only if the mailbox is the very one that it was made
 * of, and each record only if its check is right, which is looked at when the
 * record is used; losing it changes nothing that a client can see.
 *
 * It is changed in place while others have it mapped.  What was in it stays
 * true for them, unless messages were removed: then those records that have
 * changed are of a later epoch than the one that they loaded, and so not good.
 */

struct index {
	const struct message *list; /* mapped */
	size_t count;
	uint64_t octets; /* of all but a pseudo message */
	uint64_t ascii;  /* the same for clients without UTF-8 */
	bool pseudo;     /* the first one is c-client's */
	void *map;
	size_t map_len;
	/* Which file it is; all zero: none.  A new file may get the number of
	   one that is gone, but not its birth. */
	dev_t dev;
	ino_t ino;
	uint32_t birth;
	uint32_t epoch;
};

enum index_state {
	INDEX_EXACT, /* the list is the mailbox's */
	INDEX_GROWN, /* it is right, perhaps but for the last, and some follow
	              */
	INDEX_NONE,  /* there is none, or what is loaded is of another state */
};

/* Loads the index of the mailbox, which is locked and has this status. */
enum index_state index_load(
    struct index *, int directory, int mailbox, const struct stat *);
void index_unload(struct index *);

/* True if a record is as it was written, and was there at the loading. */
bool index_good(const struct index *, const struct message *);

/* True if what the one says has not been taken back in the other. */
bool index_same(const struct index *, const struct index *);

/*
 * Makes the index from a list; made, if not NULL, is told which file it is.
 * What fails leaves none, or the old one that is not believed any more.
 */
void index_store(int directory, int mailbox, struct message *list, size_t count,
    struct index *made);

/*
 * Puts a list in place of the records from index first on, of an index that was
 * loaded and of whose records those from there on are good; the mailbox is
 * what it says then.  False: that was not possible.  A long index whose end
 * changes costs what changes.
 */
bool index_replace(int directory, int mailbox, const struct index *,
    size_t first, struct message *list, size_t count);

/*
 * Writes records whose id has become known; durable: UIDLs depend on what was
 * there before.  False: that was not possible.
 */
bool index_fill(int directory, const struct index *, struct message *list,
    const size_t *where, size_t count, bool durable);

/* The mailbox has been changed, and nothing that the index tells of it. */
void index_confirm(int directory, int mailbox, const struct index *);

/*
 * Adds messages that were appended to the mailbox, one after the other, which
 * had the status before, if the index was exact for that.
 */
void index_add(int directory, int mailbox, const struct stat *before,
    struct message *, size_t n);

#endif
