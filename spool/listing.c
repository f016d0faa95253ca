/* SPDX-License-Identifier: ISC */
/* Lists mailboxes, by index or by scan. */
#include "spool/listing.h"

#include "common/io/file.h"
#include "spool/foreign.h"
#include "spool/listing_private.h"
#include "spool/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
listing_fits(const struct listing *l, const struct stat *st)
{
	const struct stat *seen = &l->seen;

	return seen->st_dev == st->st_dev && seen->st_ino == st->st_ino &&
	       seen->st_size == st->st_size &&
	       seen->st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       seen->st_mtim.tv_nsec == st->st_mtim.tv_nsec &&
	       seen->st_ctim.tv_sec == st->st_ctim.tv_sec &&
	       seen->st_ctim.tv_nsec == st->st_ctim.tv_nsec;
}

bool
listing_good_at(const struct listing *l, size_t i)
{
	return l->owned != NULL || index_good(&l->index, &l->list[i]);
}

bool
listing_good(const struct listing *l, size_t first)
{
	for (size_t i = first; l->owned == NULL && i < l->count; i++) {
		if (!index_good(&l->index, &l->list[i])) {
			return false;
		}
	}
	return true;
}

/* ---- loading ---- */

bool
listing_same_place(const struct message *a, const struct message *b)
{
	return a->start == b->start && a->text == b->text && a->end == b->end &&
	       a->next == b->next && a->octets == b->octets &&
	       a->ascii == b->ascii && a->raw == b->raw &&
	       a->pseudo == b->pseudo && a->print == b->print &&
	       a->from == b->from;
}

static void
take_list(struct listing *l, struct message *list, size_t count)
{
	l->list = l->owned = list;
	l->count = count;
	l->pseudo = count > 0 && list[0].pseudo;
	l->octets = l->ascii = 0;
	for (size_t i = l->pseudo; i < count; i++) {
		l->octets += list[i].octets;
		l->ascii += list[i].ascii;
	}
}

/* Never NULL, which is for lists that are in the index. */
static int
scan_from(const struct hold *h, int64_t from, struct message **list, size_t *n)
{
	if (scan_mailbox(h->lock.fd, from, list, n) == -1) {
		return -1;
	}
	if (*list == NULL) {
		*list = malloc(sizeof(**list));
	}
	return *list == NULL ? -1 : 0;
}

/*
 * Reads the whole mailbox; messages keep the ids that the index has.  placed:
 * what it has is where it says.
 */
static int
scan(struct listing *l, const struct hold *h, bool placed)
{
	struct message *list;
	size_t count;

	if (scan_from(h, 0, &list, &count) == -1) {
		int saved = errno;
		index_unload(&l->index);
		errno = saved;
		return -1;
	}
	if (listing_keep_ids(list, count, &l->index, placed) == -1) {
		free(list);
		index_unload(&l->index);
		errno = ENOMEM;
		return -1;
	}
	index_unload(&l->index);
	l->index = (struct index){ .map = NULL };
	take_list(l, list, count);
	index_store(h->directory, h->lock.fd, list, count, &l->index);
	return 0;
}

static void
take_index(struct listing *l)
{
	l->list = l->index.list;
	l->count = l->index.count;
	l->octets = l->index.octets;
	l->ascii = l->index.ascii;
	l->pseudo = l->index.pseudo;
}

/* Loads the index that has just been made to fit. */
static bool
load_again(struct listing *l, const struct hold *h)
{
	index_unload(&l->index);
	if (index_load(&l->index, h->directory, h->lock.fd, &l->seen) !=
	    INDEX_EXACT) {
		index_unload(&l->index);
		return false;
	}
	take_index(l);
	return true;
}

static bool
from_at(int fd, int64_t at)
{
	char text[5];

	return file_read(fd, text, sizeof(text), at) == 0 &&
	       memcmp(text, "From ", sizeof(text)) == 0;
}

/* The records of the index but the last, and what was found after them. */
static int
join(struct listing *l, const struct hold *h, const struct message *tail,
    size_t n)
{
	size_t first = l->index.count - 1;
	struct message *list = reallocarray(NULL, first + n + 1, sizeof(*list));

	if (list == NULL) {
		return -1;
	}
	memcpy(list, l->index.list, first * sizeof(*list));
	memcpy(list + first, tail, n * sizeof(*list));
	index_unload(&l->index);
	l->index = (struct index){ .map = NULL };
	take_list(l, list, first + n);
	index_store(h->directory, h->lock.fd, list, l->count, &l->index);
	return 0;
}

/*
 * Scans from the last message of the index on, because what was appended may
 * have changed where that one ends.  Hardly ever it has, and then the index is
 * made longer in place.
 */
static int
extend(struct listing *l, const struct hold *h)
{
	size_t last = l->index.count - 1, n;
	struct message *tail;

	if (scan_from(h, l->index.list[last].start, &tail, &n) == -1) {
		int saved = errno;
		index_unload(&l->index);
		errno = saved;
		return -1;
	}
	bool same = n > 0 && listing_same_place(&tail[0], &l->index.list[last]);
	int result = 0;
	if (same) {
		tail[0] = l->index.list[last]; /* with its id */
	}
	if (!same ||
	    !index_replace(h->directory, h->lock.fd, &l->index, last + 1,
		tail + 1, n - 1) ||
	    !load_again(l, h)) {
		/* What could not be done in place is done in memory. */
		result = l->index.map != NULL && listing_good(l, 0)
		             ? join(l, h, tail, n)
		             : scan(l, h, true);
	}
	free(tail);
	return result;
}

int
listing_open(struct listing *l, const struct hold *h)
{
	const char *like;

	memset(l, 0, sizeof(*l));
	if (fstat(h->lock.fd, &l->seen) == -1 ||
	    foreign_look(h->lock.fd, &like) == -1) {
		return -1;
	}
	enum index_state state =
	    index_load(&l->index, h->directory, h->lock.fd, &l->seen);
	if (state == INDEX_NONE) {
		return scan(l, h, false);
	}
	take_index(l);
	if (state == INDEX_EXACT) {
		return 0;
	}
	size_t last = l->count - 1;
	return listing_good_at(l, last) &&
	               from_at(h->lock.fd, l->list[last].start)
	           ? extend(l, h)
	           : scan(l, h, true);
}

int
listing_load(struct listing *l, const struct hold *h)
{
	if (listing_open(l, h) == -1) {
		return -1;
	}
	return listing_good(l, 0) ? 0 : scan(l, h, true);
}

int
listing_repair(struct listing *l, const struct hold *h)
{
	struct listing now;

	if (listing_load(&now, h) == -1) {
		return -1;
	}
	if (!listing_fits(l, &now.seen) || now.count != l->count ||
	    now.pseudo != l->pseudo) {
		listing_free(&now);
		errno = ESTALE;
		return -1;
	}
	listing_free(l);
	*l = now;
	return 0;
}

void
listing_free(struct listing *l)
{
	index_unload(&l->index);
	free(l->owned);
	l->owned = NULL;
	l->list = NULL;
	l->count = 0;
}

int
listing_own(struct listing *l)
{
	if (l->owned != NULL) {
		return 0;
	}
	struct message *list = reallocarray(NULL, l->count + 1, sizeof(*list));
	if (list == NULL) {
		return -1;
	}
	memcpy(list, l->list, l->count * sizeof(*list));
	index_unload(&l->index);
	l->list = l->owned = list;
	return 0;
}

bool
listing_only_grew(const struct listing *old, const struct listing *now)
{
	if (old->count > now->count) {
		return false;
	}
	if (index_same(&old->index, &now->index)) {
		return true;
	}
	for (size_t i = 0; i < old->count; i++) {
		if (!listing_good_at(old, i) || !listing_good_at(now, i) ||
		    !listing_same_place(&old->list[i], &now->list[i])) {
			return false;
		}
	}
	return true;
}
