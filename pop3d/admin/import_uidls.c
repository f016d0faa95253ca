/* SPDX-License-Identifier: ISC */
/* The UIDLs that another server gave out, from its list. */
#include "pop3d/admin/import_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct known {
	uint32_t number;
	char *name;
	size_t len;
	char *uidl; /* empty: none that only one message has */
};

struct import_uidls {
	struct uidl_list list;
	struct known *all;
	size_t count, room;
};

/* ---- reading ---- */

static int
keep(struct import_uidls *u, const struct uidl_entry *e)
{
	if (u->count == u->room) {
		size_t room = u->room == 0 ? 256 : u->room * 2;
		struct known *all = reallocarray(u->all, room, sizeof(*u->all));
		if (all == NULL) {
			return -1;
		}
		u->all = all;
		u->room = room;
	}
	struct known k = { .number = e->number, .len = e->len };
	k.name = strndup(e->name == NULL ? "" : e->name, e->len);
	k.uidl = strdup(e->uidl);
	if (k.name == NULL || k.uidl == NULL) {
		free(k.name);
		free(k.uidl);
		return -1;
	}
	u->all[u->count++] = k;
	return 0;
}

static int
read_lines(struct import_uidls *u, FILE *f, size_t *skipped)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool first = true;
	int result = 0;

	while (result == 0 && (n = getline(&line, &size, f)) != -1) {
		struct uidl_entry e;
		n -= n > 0 && line[n - 1] == '\n';
		n -= n > 0 && line[n - 1] == '\r';
		bool heading =
		    first && uidl_list_begin(&u->list, line, (size_t)n);
		first = false;
		if (heading) {
			continue;
		}
		switch (uidl_list_line(&u->list, line, (size_t)n, &e)) {
		case UIDL_LINE_ENTRY:
			result = keep(u, &e);
			*skipped += e.uidl[0] == '\0';
			break;
		case UIDL_LINE_WRONG:
			++*skipped;
			break;
		case UIDL_LINE_NONE:
			break;
		}
	}
	free(line);
	return result == 0 && ferror(f) ? -1 : result;
}

/* ---- orders ---- */

static int
by_uidl(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int c = strcmp(x->uidl, y->uidl);

	return c != 0 ? c : (x->number > y->number) - (x->number < y->number);
}

static int
compare_names(const char *a, size_t n, const char *b, size_t m)
{
	int c = memcmp(a, b, n < m ? n : m);

	return c != 0 ? c : (n > m) - (n < m);
}

static int
by_name(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return compare_names(x->name, x->len, y->name, y->len);
}

static int
by_number(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void
sort(struct import_uidls *u, size_t *skipped)
{
	const char *last = NULL;

	qsort(u->all, u->count, sizeof(*u->all), by_uidl);
	for (size_t i = 0; i < u->count; i++) {
		char *uidl = u->all[i].uidl;
		if (last != NULL && strcmp(uidl, last) == 0) {
			*skipped += uidl[0] != '\0';
			uidl[0] = '\0';
		} else {
			last = uidl;
		}
	}
	qsort(u->all, u->count, sizeof(*u->all),
	    u->list.kind == UIDL_LIST_NUMBERS ? by_number : by_name);
}

struct import_uidls *
import_uidls_read(int fd, const char *format, size_t *skipped)
{
	struct import_uidls *u = calloc(1, sizeof(*u));
	int own = dup(fd);
	FILE *f = own == -1 ? NULL : fdopen(own, "r");
	int result = -1;

	*skipped = 0;
	if (u != NULL && f != NULL) {
		u->list.format = format;
		result = read_lines(u, f, skipped);
	}
	if (result == 0 && u->count == 0) {
		errno = EILSEQ;
		result = -1;
	}
	int saved = errno;
	if (f != NULL) {
		fclose(f);
	} else if (own != -1) {
		close(own);
	}
	if (result == -1) {
		import_uidls_free(u);
		errno = saved;
		return NULL;
	}
	sort(u, skipped);
	return u;
}

void
import_uidls_free(struct import_uidls *u)
{
	if (u != NULL) {
		for (size_t i = 0; i < u->count; i++) {
			free(u->all[i].name);
			free(u->all[i].uidl);
		}
		free(u->all);
		free(u);
	}
}

/* ---- looking up ---- */

enum uidl_list_kind
import_uidls_kind(const struct import_uidls *u)
{
	return u->list.kind;
}

uint32_t
import_uidls_last(const struct import_uidls *u)
{
	uint32_t last = 0;

	for (size_t i = 0; i < u->count; i++) {
		last = u->all[i].number > last ? u->all[i].number : last;
	}
	return last;
}

static const char *
told(const struct known *k)
{
	return k == NULL || k->uidl[0] == '\0' ? NULL : k->uidl;
}

const char *
import_uidls_of_number(const struct import_uidls *u, uint32_t number)
{
	struct known key = { .number = number };
	const struct known *k =
	    bsearch(&key, u->all, u->count, sizeof(*u->all), by_number);

	return told(k);
}

static const struct known *
find_file(const struct import_uidls *u, const char *name, size_t len)
{
	size_t low = 0, high = u->count;

	while (low < high) {
		size_t i = low + (high - low) / 2;
		const struct known *k = &u->all[i];
		int c = compare_names(name, len, k->name, k->len);
		if (c == 0) {
			return k;
		}
		low = c > 0 ? i + 1 : low;
		high = c < 0 ? i : high;
	}
	return NULL;
}

const char *
import_uidls_of_file(const struct import_uidls *u, const char *name, size_t len)
{
	return told(find_file(u, name, len));
}

uint32_t
import_uidls_number(const struct import_uidls *u, const char *name, size_t len)
{
	const struct known *k = find_file(u, name, len);

	return k == NULL ? UINT32_MAX : k->number;
}
