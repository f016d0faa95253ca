/* SPDX-License-Identifier: ISC */
/* Lists mailboxes, by index or by scan. */
#include "spool/listing.h"

#include "common/io/file.h"
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

static bool
all_good(const struct index *x)
{
	for (size_t i = 0; i < x->count; i++) {
		if (!index_good(&x->list[i])) {
			return false;
		}
	}
	return true;
}

static bool
from_at(int fd, int64_t at)
{
	char text[5];

	return file_read(fd, text, sizeof(text), at) == 0 &&
	       memcmp(text, "From ", sizeof(text)) == 0;
}

/* Scans the mailbox from the last message of the index on, or all of it. */
static int
scan(struct listing *l, const struct hold *h, enum index_state state)
{
	const struct index *x = &l->index;
	struct scan_from from = { .offset = 0 };

	/* What was appended may have changed where the last one ends. */
	if (state == INDEX_GROWN &&
	    from_at(h->lock.fd, x->list[x->count - 1].start)) {
		from.before = x->list;
		from.count = x->count - 1;
		from.offset = x->list[from.count].start;
	}
	if (scan_mailbox(h->lock.fd, &from, &l->owned, &l->count) == -1) {
		return -1;
	}
	index_unload(&l->index);
	l->list = l->owned;
	l->pseudo = l->count > 0 && l->list[0].pseudo;
	for (size_t i = l->pseudo; i < l->count; i++) {
		l->octets += l->list[i].octets;
		l->ascii += l->list[i].ascii;
	}
	index_store(h->directory, h->lock.fd, l->owned, l->count);
	return 0;
}

int
listing_open(struct listing *l, const struct hold *h)
{
	memset(l, 0, sizeof(*l));
	if (fstat(h->lock.fd, &l->seen) == -1) {
		return -1;
	}
	enum index_state state =
	    index_load(&l->index, h->directory, h->lock.fd, &l->seen);
	if (state == INDEX_GROWN && !all_good(&l->index)) {
		index_unload(&l->index);
		state = INDEX_NONE;
	}
	if (state != INDEX_EXACT) {
		return scan(l, h, state);
	}
	l->list = l->index.list;
	l->count = l->index.count;
	l->octets = l->index.octets;
	l->ascii = l->index.ascii;
	l->pseudo = l->index.pseudo;
	return 0;
}

bool
listing_is_good(struct listing *l)
{
	l->good = l->good || l->owned != NULL || all_good(&l->index);
	return l->good;
}

int
listing_load(struct listing *l, const struct hold *h)
{
	if (listing_open(l, h) == -1) {
		return -1;
	}
	if (listing_is_good(l)) {
		return 0;
	}
	struct stat seen = l->seen;
	listing_free(l);
	*l = (struct listing){ .seen = seen };
	return scan(l, h, INDEX_NONE);
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

static int
by_identity(const void *a, const void *b)
{
	const struct message *x = *(const struct message *const *)a;
	const struct message *y = *(const struct message *const *)b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c != 0 ? c : x->copy < y->copy ? -1 : x->copy > y->copy;
}

bool
listing_only_grew(const struct listing *old, const struct listing *now)
{
	return old->count <= now->count &&
	       (old->count == 0 || memcmp(old->list, now->list,
				       old->count * sizeof(*old->list)) == 0);
}

int
listing_match(
    const struct listing *old, const struct listing *now, size_t *where)
{
	if (listing_only_grew(old, now)) {
		for (size_t i = 0; i < old->count; i++) {
			where[i] = i;
		}
		return 0;
	}
	const struct message **sorted =
	    calloc(now->count + 1, sizeof(const struct message *));

	if (sorted == NULL) {
		return -1;
	}
	for (size_t i = 0; i < now->count; i++) {
		sorted[i] = &now->list[i];
	}
	qsort(sorted, now->count, sizeof(const struct message *), by_identity);
	for (size_t i = 0; i < old->count; i++) {
		const struct message *key = &old->list[i];
		const struct message **found = bsearch(&key, sorted, now->count,
		    sizeof(const struct message *), by_identity);
		where[i] =
		    found == NULL ? SIZE_MAX : (size_t)(*found - now->list);
	}
	free(sorted);
	return 0;
}
