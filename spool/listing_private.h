/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_LISTING_PRIVATE_H
#define RESTANTE_SPOOL_LISTING_PRIVATE_H

#include "spool/listing.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Which message of a list is which one of a later list.  Messages of the same
 * content are told apart by their From_ lines, unless another program has
 * written all of these anew.
 */

typedef const struct message *sorted;

struct pairing {
	const struct message *old, *now;
	size_t nold, nnow;
	size_t *to_now, *to_old; /* by index: that of the other, or SIZE_MAX */
	size_t *after; /* by index in now: what it comes after in old */
	sorted *by_old, *by_now; /* by content; those that are to be paired */
	size_t sorted_old, sorted_now;
};

/*
 * Sorts all messages of both lists, but for those of the old one that are not
 * good by its index (NULL: all are).  0, or -1: no memory; to be closed in
 * any case.
 */
int pairing_open(struct pairing *, const struct message *old, size_t nold,
    const struct index *, const struct message *now, size_t nnow)
    __attribute__((warn_unused_result));
void pairing_close(struct pairing *);

/* Calls for all messages of one content that are in both lists. */
typedef void pairing_group(
    struct pairing *, sorted *old, size_t nold, sorted *now, size_t nnow);
void pairing_each(struct pairing *, pairing_group *);

/* Pairs those of one content of which there is no doubt. */
pairing_group pairing_sure;

/*
 * After all that are sure, pairs others by what is before them: some are gone,
 * and nothing of their own tells which.
 */
void pairing_guess(struct pairing *);

static inline void
pairing_add(struct pairing *p, sorted old, sorted now)
{
	size_t i = (size_t)(old - p->old), k = (size_t)(now - p->now);

	p->to_now[i] = k;
	p->to_old[k] = i;
}

/*
 * Messages that were there before keep the ids that were given out, so that
 * nothing is renumbered when another program has changed the mailbox, or when
 * the index is damaged.  placed: all that the index has are where it says.  0,
 * or -1: no memory.
 */
int listing_keep_ids(
    struct message *list, size_t count, const struct index *former, bool placed)
    __attribute__((warn_unused_result));

/* True if two records tell the same of the mailbox. */
bool listing_same_place(const struct message *, const struct message *);

#endif
