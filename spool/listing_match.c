/* SPDX-License-Identifier: ISC */
/* Finds the messages of a listing in a later one, and keeps their ids. */
#include "spool/listing_private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- matching: what is not sure is not there ---- */

static int
by_id(const void *a, const void *b)
{
	sorted x = *(const sorted *)a, y = *(const sorted *)b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c != 0 ? c : x->copy < y->copy ? -1 : x->copy > y->copy;
}

static bool
all_known(const sorted *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i]->unknown) {
			return false;
		}
	}
	return true;
}

static void
match_ids(struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow)
{
	qsort(old, nold, sizeof(*old), by_id);
	qsort(now, nnow, sizeof(*now), by_id);
	for (size_t i = 0, k = 0; i < nold && k < nnow;) {
		int c = by_id(&old[i], &now[k]);
		if (c == 0) {
			pairing_add(p, old[i], now[k]);
		}
		i += c <= 0;
		k += c >= 0;
	}
}

static void
match_group(
    struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow)
{
	if (all_known(old, nold) && all_known(now, nnow)) {
		match_ids(p, old, nold, now, nnow);
	} else {
		pairing_sure(p, old, nold, now, nnow);
	}
}

int
listing_match(
    const struct listing *old, const struct listing *now, size_t *where)
{
	struct pairing p;

	if (listing_only_grew(old, now)) {
		for (size_t i = 0; i < old->count; i++) {
			where[i] = i;
		}
		return 0;
	}
	int result = pairing_open(&p, old->list, old->count,
	    old->owned != NULL ? NULL : &old->index, now->list, now->count);
	if (result == 0) {
		pairing_each(&p, match_group);
		memcpy(where, p.to_now, old->count * sizeof(*where));
	}
	pairing_close(&p);
	return result;
}

/* ---- keeping ids: a guess is better than another number ---- */

static void
keep_id(struct message *m, const struct message *old)
{
	m->unknown = old->unknown;
	m->copy = old->copy;
	memcpy(m->id, old->id, sizeof(old->id));
}

static void
keep_placed(struct message *list, size_t count, const struct index *former)
{
	for (size_t i = 0, k = 0; i < former->count && k < count; i++) {
		const struct message *old = &former->list[i];
		if (!index_good(former, old)) {
			continue;
		}
		while (k < count && list[k].start < old->start) {
			k++;
		}
		if (k < count && listing_same_place(&list[k], old)) {
			keep_id(&list[k], old);
		}
	}
}

int
listing_keep_ids(
    struct message *list, size_t count, const struct index *former, bool placed)
{
	struct pairing p;

	if (former->map == NULL) {
		return 0;
	}
	if (placed) {
		keep_placed(list, count, former);
		return 0;
	}
	int result =
	    pairing_open(&p, former->list, former->count, former, list, count);
	if (result == 0) {
		pairing_each(&p, pairing_sure);
		pairing_guess(&p);
		for (size_t k = 0; k < count; k++) {
			if (p.to_old[k] != SIZE_MAX) {
				keep_id(&list[k], &p.old[p.to_old[k]]);
			}
		}
	}
	pairing_close(&p);
	return result;
}
