/* SPDX-License-Identifier: ISC */
/*
 * UIDLs that were noted when messages were brought here.  Of messages with the
 * same one, which only another program can have made, the first has it.  It may
 * also be the one that we give to another message, if the server that it comes
 * from was ours: then that message has it.
 */
#include "pop3d/mailbox/uidl_private.h"

#include "spool/uidl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
take_noted(void *context, const struct mbox_line *line)
{
	return uidl_noted_line(context, line);
}

/* A message that another program has removed meanwhile needs none. */
static int
read_one(struct mailbox *m, size_t i, char **noted)
{
	char text[UIDL_MOST + 1] = "";

	if (mailbox_read_stored(m, i, take_noted, text) == -1) {
		return errno == ESTALE ? 0 : -1;
	}
	if (text[0] == '\0') {
		return 0;
	}
	*noted = strdup(text);
	return *noted == NULL ? -1 : 0;
}

/* Those that are the same stay in their order. */
static int
by_text(const void *a, const void *b)
{
	char *const *x = *(char *const *const *)a;
	char *const *y = *(char *const *const *)b;
	int c = strcmp(*x, *y);

	return c != 0 ? c : (x > y) - (x < y);
}

static int
against_text(const void *key, const void *element)
{
	return strcmp(key, **(char *const *const *)element);
}

static void
forget(char **noted)
{
	free(*noted);
	*noted = NULL;
}

/* Leaves one of each in the sorted list; how many. */
static size_t
drop_doubles(char ***list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && strcmp(*list[i], *list[kept - 1]) == 0) {
			forget(list[i]);
		} else {
			list[kept++] = list[i];
		}
	}
	return kept;
}

/* Takes out those that are our own UIDLs of other messages.  0 or -1. */
static int
drop_own(struct uidls *u, struct mailbox *m, char ***list, size_t n)
{
	char own[MAILBOX_UIDL + 1];
	bool *gone = calloc(u->count + 1, sizeof(*gone));

	if (gone == NULL) {
		return -1;
	}
	for (size_t i = 0; i < u->count; i++) {
		mailbox_uidl(mailbox_message(m, i), own);
		char ***found =
		    bsearch(own, list, n, sizeof(*list), against_text);
		if (found != NULL && *found != &u->noted[i]) {
			gone[*found - u->noted] = true;
		}
	}
	for (size_t i = 0; i < u->count; i++) {
		if (gone[i]) {
			forget(&u->noted[i]);
		}
	}
	free(gone);
	return 0;
}

/* True if that may be one of ours, which begin with so many such digits. */
static bool
like_own(const char *text)
{
	enum { DIGITS = 32 };

	return strspn(text, "0123456789abcdef") == DIGITS &&
	       (text[DIGITS] == '\0' || text[DIGITS] == '.');
}

static int
make_unique(struct uidls *u, struct mailbox *m)
{
	char ***list = calloc(u->count + 1, sizeof(*list));
	bool own = false;
	size_t n = 0;

	if (list == NULL) {
		return -1;
	}
	for (size_t i = 0; i < u->count; i++) {
		if (u->noted[i] != NULL) {
			list[n++] = &u->noted[i];
			own = own || like_own(u->noted[i]);
		}
	}
	qsort(list, n, sizeof(*list), by_text);
	n = drop_doubles(list, n);
	int result = own || n < u->count ? mailbox_identify(m) : 0;
	if (result == 0 && own) {
		result = drop_own(u, m, list, n);
	}
	int saved = errno;
	free(list);
	errno = saved;
	return result;
}

int
uidls_read_noted(struct uidls *u, struct mailbox *m)
{
	u->noted = calloc(u->count + 1, sizeof(*u->noted));
	int result = u->noted == NULL ? -1 : 0;

	for (size_t i = 0; result == 0 && i < u->count; i++) {
		result = read_one(m, i, &u->noted[i]);
	}
	return result == 0 ? make_unique(u, m) : -1;
}
