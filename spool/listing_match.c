/* SPDX-License-Identifier: ISC */
/* Finds the messages of a listing in a later one. */
#include "spool/listing.h"

#include <stdlib.h>
#include <string.h>

typedef const struct message *sorted;

/* By what is always known; nearly always that tells them apart. */
static int
by_content(const struct message *x, const struct message *y)
{
	if (x->print != y->print) {
		return x->print < y->print ? -1 : 1;
	}
	return x->octets < y->octets ? -1 : x->octets > y->octets;
}

static int
by_id(const struct message *x, const struct message *y)
{
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c != 0 ? c : x->copy < y->copy ? -1 : x->copy > y->copy;
}

static int
compare(const void *a, const void *b)
{
	const struct message *x = *(const sorted *)a, *y = *(const sorted *)b;
	int c = by_content(x, y);

	c = c != 0 ? c : by_id(x, y);
	return c != 0 ? c : x < y ? -1 : x > y;
}

/* NULL: no memory.  Records that are not good are left out. */
static sorted *
sort(const struct listing *l, size_t *count)
{
	sorted *order = calloc(l->count + 1, sizeof(*order));
	size_t n = 0;

	for (size_t i = 0; order != NULL && i < l->count; i++) {
		if (listing_good_at(l, i)) {
			order[n++] = &l->list[i];
		}
	}
	if (n > 0) {
		qsort(order, n, sizeof(*order), compare);
	}
	*count = n;
	return order;
}

/* How many at the front have the same content; known: so are all their ids. */
static size_t
group(const sorted *list, size_t count, bool *known)
{
	size_t n = 0;

	for (; n < count && by_content(list[0], list[n]) == 0; n++) {
		*known = *known && !list[n]->unknown;
	}
	return n;
}

struct matching {
	const struct message *old, *now;
	size_t *where;
};

/*
 * Messages of the same content: by their ids, or else in their order if all are
 * still there.
 */
static void
match_group(const struct matching *m, const sorted *old, size_t nold,
    const sorted *now, size_t nnow, bool known)
{
	if (!known && nold != nnow) {
		return;
	}
	for (size_t i = 0, k = 0; i < nold && k < nnow;) {
		int c = known ? by_id(old[i], now[k]) : 0;
		if (c == 0) {
			m->where[old[i] - m->old] = (size_t)(now[k] - m->now);
		}
		i += c <= 0;
		k += c >= 0;
	}
}

int
listing_match(
    const struct listing *old, const struct listing *now, size_t *where)
{
	bool grew = listing_only_grew(old, now);

	for (size_t i = 0; i < old->count; i++) {
		where[i] = grew ? i : SIZE_MAX;
	}
	if (grew) {
		return 0;
	}
	size_t nold, nnow;
	sorted *a = sort(old, &nold), *b = sort(now, &nnow);
	int result = a == NULL || b == NULL ? -1 : 0;
	struct matching m = {
		.old = old->list, .now = now->list, .where = where
	};
	for (size_t i = 0, k = 0; result == 0 && i < nold && k < nnow;) {
		bool known = true;
		int c = by_content(a[i], b[k]);
		size_t in_old = c <= 0 ? group(a + i, nold - i, &known) : 0;
		size_t in_now = c >= 0 ? group(b + k, nnow - k, &known) : 0;
		if (c == 0) {
			match_group(&m, a + i, in_old, b + k, in_now, known);
		}
		i += in_old;
		k += in_now;
	}
	free(a);
	free(b);
	return result;
}
