/* SPDX-License-Identifier: ISC */
/*
 * Makes the ids of messages, which costs a digest of each, when somebody asks.
 * Identical messages are numbered after all that had that id before: an id that
 * was given out never becomes another's.  mailbox_uidl() writes one for
 * clients.
 */
#include "common/tls/crypto.h"
#include "spool/listing.h"
#include "spool/mailbox.h"
#include "spool/visible.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The messages without an id. */
struct fresh {
	struct message *list; /* copies of their records */
	size_t *where;        /* those are in the listing */
	size_t count;
	/* By id: the number of the first one that has it, from 1 on; 0: none */
	uint32_t *table;
	size_t mask;
	uint32_t *next; /* by that number: the next free copy */
};

bool
listing_identified(const struct listing *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->list[i].unknown) {
			return false;
		}
	}
	return true;
}

void
mailbox_uidl(const struct message *msg, char uidl[MAILBOX_UIDL + 1])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(msg->id); i++) {
		uidl[n++] = hex[msg->id[i] >> 4];
		uidl[n++] = hex[msg->id[i] & 15];
	}
	uidl[n] = '\0';
	if (msg->copy > 0) {
		snprintf(
		    uidl + n, MAILBOX_UIDL + 1 - n, ".%u", (unsigned)msg->copy);
	}
}

/* The place of an id in the table, or the empty one where it would be. */
static uint32_t *
slot(const struct fresh *f, const uint8_t *id)
{
	uint64_t h;

	memcpy(&h, id, sizeof(h));
	for (size_t i = (size_t)h & f->mask;; i = (i + 1) & f->mask) {
		uint32_t *s = &f->table[i];
		if (*s == 0 ||
		    memcmp(f->list[*s - 1].id, id, sizeof(f->list->id)) == 0) {
			return s;
		}
	}
}

static int
make_room(struct fresh *f, size_t count)
{
	size_t size = 16;

	while (size < 2 * count) {
		size *= 2;
	}
	f->mask = size - 1;
	f->list = reallocarray(NULL, count, sizeof(*f->list));
	f->where = reallocarray(NULL, count, sizeof(*f->where));
	f->table = calloc(size, sizeof(*f->table));
	f->next = calloc(count, sizeof(*f->next));
	return f->list == NULL || f->where == NULL || f->table == NULL ||
	               f->next == NULL
	           ? -1
	           : 0;
}

static void
free_room(struct fresh *f)
{
	free(f->list);
	free(f->where);
	free(f->table);
	free(f->next);
}

/* Finds them, and makes their digests. */
static int
digest(struct fresh *f, const struct listing *l, int mailbox)
{
	struct crypto_hash hash;
	int result = 0;

	crypto_hash_begin(&hash);
	for (size_t i = 0; result == 0 && i < l->count; i++) {
		if (l->list[i].unknown) {
			f->where[f->count] = i;
			f->list[f->count] = l->list[i];
			result = visible_digest(
			    mailbox, &f->list[f->count++], &hash);
		}
	}
	return result;
}

/* Tells copies apart; true if there are any. */
static bool
number(struct fresh *f, const struct listing *l)
{
	bool copies = false;

	for (size_t i = 0; i < f->count; i++) {
		uint32_t *s = slot(f, f->list[i].id);
		*s = *s == 0 ? (uint32_t)i + 1 : *s;
	}
	for (size_t i = 0; i < l->count; i++) {
		const struct message *m = &l->list[i];
		uint32_t s = m->unknown ? 0 : *slot(f, m->id);
		if (s != 0 && f->next[s - 1] <= m->copy) {
			f->next[s - 1] = m->copy + 1;
		}
	}
	for (size_t i = 0; i < f->count; i++) {
		uint32_t s = *slot(f, f->list[i].id);
		f->list[i].copy = f->next[s - 1]++ & 0x1fffffff;
		f->list[i].unknown = false;
		copies = copies || f->list[i].copy > 0;
	}
	return copies;
}

/* Into the index, and into the list where that is not the index. */
static int
keep(struct fresh *f, struct listing *l, const struct hold *h, bool copies)
{
	bool kept = index_fill(
	    h->directory, &l->index, f->list, f->where, f->count, copies);

	if (kept && l->owned == NULL) {
		return 0;
	}
	if (listing_own(l) == -1) {
		return -1;
	}
	for (size_t i = 0; i < f->count; i++) {
		l->owned[f->where[i]] = f->list[i];
	}
	return 0;
}

int
listing_identify(struct listing *l, const struct hold *h)
{
	struct fresh f = { .count = 0 };
	size_t unknown = 0;

	for (size_t i = 0; i < l->count; i++) {
		unknown += l->list[i].unknown;
	}
	if (unknown == 0) {
		return 0;
	}
	int result =
	    make_room(&f, unknown) == 0 ? digest(&f, l, h->lock.fd) : -1;
	if (result == 0) {
		result = keep(&f, l, h, number(&f, l));
	}
	int saved = errno;
	free_room(&f);
	errno = saved;
	return result;
}
