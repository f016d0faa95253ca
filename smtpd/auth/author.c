/* SPDX-License-Identifier: ISC */
/*
 * Finds the author's domain.  Readers of mail differ about what a malformed
 * From says, and attacks live on that: so a second, careless look finds every
 * domain after an at-sign that is in no comment and no quoted string.
 */
#include "smtpd/auth/author.h"

#include "common/mime/header.h"
#include "common/mime/mailboxes.h"
#include "common/text/idna.h"

#include <string.h>

/* Adds a domain that is not there yet. */
static void
add(struct author *a, const char *domain, size_t len)
{
	char ascii[ASK_NAME + 64], name[ASK_NAME];

	/* Reading a domain takes time, and a section has room for many. */
	if (a->many || a->looked++ == AUTHOR_LOOKS) {
		a->many = true;
		return;
	}
	enum idna read = idna_domain(domain, len, ascii, sizeof(ascii));
	a->later = a->later || read == IDNA_LATER;
	if (read != IDNA_OK || !ask_name(ascii, strlen(ascii), name)) {
		a->hidden = a->hidden || read != IDNA_LATER;
		return;
	}
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->domain[i], name) == 0) {
			return;
		}
	}
	if (a->count == AUTHOR_MOST) {
		a->many = true;
		return;
	}
	memcpy(a->domain[a->count++], name, ASK_NAME);
}

/* Takes the mailboxes of a From field. */
static void
add_mailboxes(struct author *a, const struct field *f)
{
	struct mailboxes m = { .text = f->value,
		.end = f->value + f->value_len };
	struct mailboxes_entry e;
	enum mailboxes_kind kind;
	char address[1024];

	while ((kind = mailboxes_next(&m, &e)) != MAILBOXES_END) {
		if (kind == MAILBOXES_BROKEN) {
			a->hidden = true;
		}
		if (kind != MAILBOXES_ONE || e.domain.len == 0) {
			continue;
		}
		const char *at =
		    mailboxes_address(&e, address, sizeof(address)) == -1
			? NULL
			: strrchr(address, '@');
		if (at == NULL) {
			a->hidden = true;
		} else {
			add(a, at + 1, strlen(at + 1));
		}
	}
}

/* Octets of what looks like a domain. */
static size_t
domain_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len &&
	       ((unsigned char)text[n] >= 0x80 || text[n] == '-' ||
		   text[n] == '.' || text[n] == '_' ||
		   (text[n] >= '0' && text[n] <= '9') ||
		   ((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z'))) {
		n++;
	}
	return n;
}

/* Takes whatever comes after an at-sign, with blanks and comments between. */
static void
add_carelessly(struct author *a, const struct field *f)
{
	bool quoted = false, after_at = false;
	unsigned depth = 0;

	for (size_t i = 0; i < f->value_len; i++) {
		char c = f->value[i];
		bool inside = quoted || depth > 0;
		if (c == '\\' && inside) {
			i++;
		} else if (c == '"' && depth == 0) {
			quoted = !quoted;
			after_at = false;
		} else if (c == '(' && !quoted) {
			depth++;
		} else if (c == ')' && depth > 0) {
			depth--;
		} else if (!inside && c == '@') {
			after_at = true;
		} else if (!inside && !is_space(c) && after_at) {
			const char *text = f->value + i;
			size_t n = domain_length(text, f->value_len - i);
			if (n > 0 && memchr(text, '.', n) != NULL) {
				add(a, text, n);
			}
			after_at = false;
		}
	}
	a->hidden = a->hidden || quoted || depth > 0;
}

/* Takes the domain of a list: "words <id.example>", "<mailto:l@example>". */
static void
read_list(struct author *a, const struct field *f)
{
	const char *end = f->value + f->value_len;
	const char *open = memchr(f->value, '<', f->value_len);
	const char *start = open == NULL ? f->value : open + 1;
	const char *close = memchr(start, '>', (size_t)(end - start));

	end = close == NULL ? end : close;
	const char *at = memchr(start, '@', (size_t)(end - start));
	start = at == NULL ? start : at + 1;
	size_t n = domain_length(start, (size_t)(end - start));
	(void)ask_name(start, n, a->list);
}

void
author_read(const char *header, size_t len, struct author *a)
{
	const char *at = header, *end = header + len;
	bool has_id = false;
	struct field f;

	memset(a, 0, sizeof(*a));
	while (header_next(&at, end, &f)) {
		if (header_is(&f, "From")) {
			a->fields++;
			add_mailboxes(a, &f);
			a->named = a->count;
		} else if (header_is(&f, "List-Id")) {
			read_list(a, &f);
			has_id = true;
		} else if (header_is(&f, "List-Post") && !has_id) {
			read_list(a, &f);
		}
	}
	for (at = header; header_next(&at, end, &f);) {
		if (header_is(&f, "From")) {
			add_carelessly(a, &f);
		}
	}
}

bool
author_is_named(const struct author *a)
{
	return a->fields == 1 && (a->count > 0 || a->later) && !a->many &&
	       !a->hidden;
}
