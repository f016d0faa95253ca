/* SPDX-License-Identifier: ISC */
/* Who sends most: a table of fixed size for each day.  See stats.h. */
#include "common/log/stats.h"

#include <stdatomic.h>
#include <string.h>

enum { STALE = 2 }; /* s after which whoever writes has been killed */

/* One writer at a time; false: there is another, and one count is lost. */
static bool
begin(struct stats_top *t, uint32_t when)
{
	uint32_t was = 0;

	when += when == 0;
	if (atomic_compare_exchange_strong(&t->busy, &was, when)) {
		return true;
	}
	return when - was > STALE &&
	       atomic_compare_exchange_strong(&t->busy, &was, when);
}

/* Makes a name of it that is bounded, in small letters, and plain. */
static void
name_of(const char *domain, char name[STATS_TOP_NAME])
{
	static const char cut[] = "...";
	size_t len = strlen(domain), n = 0;

	if (len >= STATS_TOP_NAME) {
		domain += len - (STATS_TOP_NAME - sizeof(cut));
		n = strlcpy(name, cut, STATS_TOP_NAME);
	}
	for (; *domain != '\0' && n < STATS_TOP_NAME - 1; domain++) {
		char c = *domain;
		c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		bool plain = (unsigned char)c > ' ' && c != 0x7f;
		name[n++] = plain ? c : '?';
	}
	name[n] = '\0';
}

/* Adds n to the row of that name, or to the one that it is to take. */
static void
add(struct stats_sender *rows, const char *name, uint64_t n)
{
	struct stats_sender *lowest = &rows[0];

	for (size_t i = 0; i < STATS_TOP; i++) {
		struct stats_sender *s = &rows[i];
		if (strncmp(s->domain, name, STATS_TOP_NAME) == 0) {
			s->count += n;
			return;
		}
		lowest = s->count < lowest->count ? s : lowest;
	}
	strlcpy(lowest->domain, name, STATS_TOP_NAME);
	lowest->count += n;
}

void
stats_top_count(
    struct stats_image *image, uint32_t day, uint32_t when, const char *domain)
{
	struct stats_top *t = &image->top[day % STATS_TOP_DAYS];
	char name[STATS_TOP_NAME];

	if (!begin(t, when)) {
		return;
	}
	if (t->day != day) {
		memset(t->senders, 0, sizeof(t->senders));
		t->day = day;
	}
	name_of(domain, name);
	add(t->senders, name, 1);
	t->busy = 0;
}

/* Most first. */
static void
sort(struct stats_sender *rows, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct stats_sender row = rows[i];
		size_t k = i;
		for (; k > 0 && rows[k - 1].count < row.count; k--) {
			rows[k] = rows[k - 1];
		}
		rows[k] = row;
	}
}

/* Adds a row of the file, which may hold anything; how many there are then. */
static size_t
collect(struct stats_sender *all, size_t n, const struct stats_sender *row)
{
	char text[STATS_TOP_NAME + 1], name[STATS_TOP_NAME];
	size_t k = 0;

	memcpy(text, row->domain, STATS_TOP_NAME);
	text[STATS_TOP_NAME] = '\0';
	name_of(text, name);
	if (name[0] == '\0' || row->count == 0) {
		return n;
	}
	while (k < n && strcmp(all[k].domain, name) != 0) {
		k++;
	}
	if (k == n) {
		strlcpy(all[n++].domain, name, STATS_TOP_NAME);
		all[k].count = 0;
	}
	all[k].count += row->count;
	return n;
}

size_t
stats_top_sum(const struct stats_image *image, uint32_t last, uint32_t days,
    struct stats_sender sum[STATS_TOP])
{
	struct stats_sender all[STATS_TOP_DAYS * STATS_TOP];
	size_t n = 0;

	for (uint32_t d = 0; d < days && d < STATS_TOP_DAYS && d < last; d++) {
		uint32_t day = last - d;
		const struct stats_top *t = &image->top[day % STATS_TOP_DAYS];
		for (size_t i = 0; t->day == day && i < STATS_TOP; i++) {
			n = collect(all, n, &t->senders[i]);
		}
	}
	sort(all, n);
	n = n < STATS_TOP ? n : STATS_TOP;
	memcpy(sum, all, n * sizeof(all[0]));
	return n;
}
