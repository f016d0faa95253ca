/* SPDX-License-Identifier: ISC */
/* Finds the messages of a list in a later one. */
#include "spool/listing_private.h"

#include <stdint.h>
#include <stdlib.h>

/* By what is always known; nearly always that tells them apart. */
static int
by_content(sorted x, sorted y)
{
	if (x->print != y->print) {
		return x->print < y->print ? -1 : 1;
	}
	return x->octets < y->octets ? -1 : x->octets > y->octets;
}

static int
by_from(sorted x, sorted y)
{
	return x->from < y->from ? -1 : x->from > y->from;
}

static int
compare(const void *a, const void *b)
{
	sorted x = *(const sorted *)a, y = *(const sorted *)b;
	int c = by_content(x, y);

	c = c != 0 ? c : by_from(x, y);
	return c != 0 ? c : x < y ? -1 : x > y;
}

static int
compare_place(const void *a, const void *b)
{
	sorted x = *(const sorted *)a, y = *(const sorted *)b;

	return x < y ? -1 : x > y;
}

/* NULL: no memory. */
static sorted *
sort(const struct message *list, size_t n, const struct index *x, size_t *count)
{
	sorted *order = calloc(n + 1, sizeof(*order));

	*count = 0;
	for (size_t i = 0; order != NULL && i < n; i++) {
		if (x == NULL || index_good(x, &list[i])) {
			order[(*count)++] = &list[i];
		}
	}
	if (*count > 0) {
		qsort(order, *count, sizeof(*order), compare);
	}
	return order;
}

static size_t *
unpaired(size_t n)
{
	size_t *to = calloc(n + 1, sizeof(*to));

	for (size_t i = 0; to != NULL && i < n; i++) {
		to[i] = SIZE_MAX;
	}
	return to;
}

int
pairing_open(struct pairing *p, const struct message *old, size_t nold,
    const struct index *x, const struct message *now, size_t nnow)
{
	*p = (struct pairing){
		.old = old, .nold = nold, .now = now, .nnow = nnow
	};
	p->to_now = unpaired(nold);
	p->to_old = unpaired(nnow);
	p->after = unpaired(nnow);
	p->by_old = sort(old, nold, x, &p->sorted_old);
	p->by_now = sort(now, nnow, NULL, &p->sorted_now);
	return p->to_now == NULL || p->to_old == NULL || p->after == NULL ||
	               p->by_old == NULL || p->by_now == NULL
	           ? -1
	           : 0;
}

void
pairing_close(struct pairing *p)
{
	free(p->to_now);
	free(p->to_old);
	free(p->after);
	free(p->by_old);
	free(p->by_now);
}

/* How many at the front are alike. */
static size_t
run(const sorted *list, size_t count, int (*by)(sorted, sorted))
{
	size_t n = 0;

	while (n < count && by(list[0], list[n]) == 0) {
		n++;
	}
	return n;
}

/* Calls for the runs that are in both lists; how many there are. */
static size_t
each_run(struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow,
    int (*by)(sorted, sorted), pairing_group *act)
{
	size_t both = 0;

	for (size_t i = 0, k = 0; i < nold && k < nnow;) {
		int c = by(old[i], now[k]);
		size_t a = c <= 0 ? run(old + i, nold - i, by) : 0;
		size_t b = c >= 0 ? run(now + k, nnow - k, by) : 0;
		if (c == 0) {
			act(p, old + i, a, now + k, b);
			both++;
		}
		i += a;
		k += b;
	}
	return both;
}

void
pairing_each(struct pairing *p, pairing_group *act)
{
	each_run(p, p->by_old, p->sorted_old, p->by_now, p->sorted_now,
	    by_content, act);
}

/* In their order, if all are still there. */
static void
pair_all(struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow)
{
	for (size_t i = 0; nold == nnow && i < nold; i++) {
		pairing_add(p, old[i], now[i]);
	}
}

/* By their From_ lines; if none of these is as it was, they do not matter. */
void
pairing_sure(
    struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow)
{
	if (each_run(p, old, nold, now, nnow, by_from, pair_all) == 0) {
		qsort(old, nold, sizeof(*old), compare_place);
		qsort(now, nnow, sizeof(*now), compare_place);
		pair_all(p, old, nold, now, nnow);
	}
}

/* ---- guesses ---- */

/* The first of the old ones from *i on that is left, and not before that. */
static sorted
next_left(const struct pairing *p, const sorted *old, size_t count, size_t *i,
    size_t after)
{
	for (; *i < count; ++*i) {
		size_t place = (size_t)(old[*i] - p->old);
		if (p->to_now[place] == SIZE_MAX &&
		    (after == SIZE_MAX || place > after)) {
			return old[*i];
		}
	}
	return NULL;
}

/* Each becomes the first one left that comes after what it comes after. */
static void
pair_some(struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow)
{
	for (size_t k = 0, i = 0; k < nnow; k++) {
		size_t place = (size_t)(now[k] - p->now);
		sorted m = p->to_old[place] != SIZE_MAX
		               ? NULL
		               : next_left(p, old, nold, &i, p->after[place]);
		if (m != NULL) {
			pairing_add(p, m, now[k]);
		}
	}
}

/* Those with the same From_ line first. */
static void
guess_group(
    struct pairing *p, sorted *old, size_t nold, sorted *now, size_t nnow)
{
	qsort(old, nold, sizeof(*old), compare);
	qsort(now, nnow, sizeof(*now), compare);
	each_run(p, old, nold, now, nnow, by_from, pair_some);
	qsort(old, nold, sizeof(*old), compare_place);
	qsort(now, nnow, sizeof(*now), compare_place);
	pair_some(p, old, nold, now, nnow);
}

void
pairing_guess(struct pairing *p)
{
	for (size_t k = 1; k < p->nnow; k++) {
		p->after[k] = p->to_old[k - 1] != SIZE_MAX ? p->to_old[k - 1]
		                                           : p->after[k - 1];
	}
	pairing_each(p, guess_group);
}
