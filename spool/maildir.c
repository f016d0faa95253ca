/* SPDX-License-Identifier: ISC */
/* Names in a Maildir. */
#include "spool/maildir.h"

#include "spool/flags.h"

#include <stdio.h>
#include <string.h>

/* The number at the front; one that is too large is as good as none. */
static uint64_t
leading_number(const char *name)
{
	uint64_t n = 0;

	for (; *name >= '0' && *name <= '9'; name++) {
		if (n > (UINT64_MAX - 9) / 10) {
			return 0;
		}
		n = n * 10 + (uint64_t)(*name - '0');
	}
	return n;
}

bool
maildir_name(const char *name, struct maildir_name *n)
{
	size_t base = strcspn(name, ":");
	const char *flags = name + base;

	*n = (struct maildir_name){ .base = base };
	if (base == 0 || name[0] == '.' || strchr(name, '/') != NULL) {
		return false;
	}
	n->when = leading_number(name);
	if (strncmp(flags, ":2,", 3) == 0) {
		n->read = strchr(flags + 3, 'S') != NULL;
		n->replied = strchr(flags + 3, 'R') != NULL;
		n->flagged = strchr(flags + 3, 'F') != NULL;
		n->trashed = strchr(flags + 3, 'T') != NULL;
		n->draft = strchr(flags + 3, 'D') != NULL;
	}
	return true;
}

int
maildir_compare(const char *a, const char *b)
{
	uint64_t x = leading_number(a), y = leading_number(b);
	size_t n = strcspn(a, ":"), m = strcspn(b, ":");

	if (x != y) {
		return x < y ? -1 : 1;
	}
	int c = memcmp(a, b, n < m ? n : m);
	return c != 0 ? c : (n > m) - (n < m);
}

void
maildir_fields(
    const struct maildir_name *n, bool old, char fields[MAILDIR_FIELDS])
{
	bool any = n->replied || n->flagged || n->trashed || n->draft;

	snprintf(fields, MAILDIR_FIELDS, "%s%s%s%s%s%s%s",
	    n->read ? "Status: RO\n"
	    : old   ? "Status: O \n"
		    : FLAGS_ROOM,
	    any ? "X-Status: " : "", n->replied ? "A" : "",
	    n->flagged ? "F" : "", n->trashed ? "D" : "", n->draft ? "T" : "",
	    any ? "\n" : "");
}
