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
 * records are used; losing it changes nothing that a client can see.
 */

struct index {
	const struct message *list; /* mapped */
	size_t count;
	uint64_t octets; /* of all but a pseudo message */
	uint64_t ascii;  /* the same for clients without UTF-8 */
	bool pseudo;     /* the first one is c-client's */
	void *map;
	size_t map_len;
};

enum index_state {
	INDEX_EXACT, /* the list is the mailbox's */
	INDEX_GROWN, /* it is right but for the last and what was appended */
	INDEX_NONE,
};

/* Loads the index of the mailbox, which is locked and has this status. */
enum index_state index_load(
    struct index *, int directory, int mailbox, const struct stat *);
void index_unload(struct index *);

/* True if a record is as it was written. */
bool index_good(const struct message *);

/*
 * Makes the index from a list.  What fails leaves none, or the old one that
 * is not believed any more.
 */
void index_store(
    int directory, int mailbox, struct message *list, size_t count);

/*
 * Adds one message that was appended to the mailbox, which had the status
 * before, if the index was exact for that.
 */
void index_add(
    int directory, int mailbox, const struct stat *before, struct message *);

#endif
