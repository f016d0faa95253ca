/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "smtpd/session/authors.h"

#include "common/mime/header.h"
#include "common/mime/mailboxes.h"

#include <string.h>

/* Reads the address of an entry; false: it has none that can be read. */
static bool
read_entry(enum mailboxes_kind got, const struct mailboxes_entry *entry,
    struct address *a)
{
	char text[ADDRESS_TEXT];
	const char *rest;

	return got != MAILBOXES_BROKEN &&
	       mailboxes_address(entry, text, sizeof(text)) != -1 &&
	       address_path_utf8(text, a, &rest) == PATH_OK && *rest == '\0';
}

static bool
field_each(const struct field *f, bool (*take)(void *, const struct address *),
    void *context)
{
	struct mailboxes list = { .text = f->value,
		.end = f->value + f->value_len };
	struct mailboxes_entry entry;
	enum mailboxes_kind got;
	struct address a;

	while ((got = mailboxes_next(&list, &entry)) != MAILBOXES_END) {
		if (got == MAILBOXES_GROUP || got == MAILBOXES_GROUP_END) {
			continue;
		}
		if (!take(context, read_entry(got, &entry, &a) ? &a : NULL)) {
			return false;
		}
	}
	return true;
}

bool
authors_each(const char *text, size_t len,
    bool (*take)(void *, const struct address *), void *context)
{
	const char *at = text, *end = text + len;
	struct field f;

	/* Some readers go on after a line that is not a field. */
	while (at < end && *at != '\n') {
		if (!header_next(&at, end, &f)) {
			const char *lf = memchr(at, '\n', (size_t)(end - at));
			at = lf == NULL ? end : lf + 1;
		} else if (header_is(&f, "From") &&
			   !field_each(&f, take, context)) {
			return false;
		}
	}
	return true;
}
