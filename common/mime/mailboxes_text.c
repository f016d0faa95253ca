/* SPDX-License-Identifier: ISC */
/* Addresses and display names as text, and back. */
#include "common/mime/mailboxes.h"

#include "common/text/bytes.h"
#include "common/mime/word.h"

#include <string.h>

/* ---- addresses ---- */

/* Walks over what an address means: no folds, no comments. */
struct meaning {
	const char *p, *end;
	bool quoted;  /* inside of a quoted string */
	bool literal; /* inside of a domain literal */
};

/* The next octet that means something; false: none is left. */
static bool
next_octet(struct meaning *m, char *c)
{
	size_t depth = 0;

	while (m->p < m->end) {
		*c = *m->p++;
		bool escape =
		    *c == '\\' && m->p < m->end && (m->quoted || depth > 0);
		m->literal |= !m->quoted && depth == 0 && *c == '[';
		if (escape) {
			*c = *m->p++;
		} else if (!m->quoted && !m->literal && *c == '(') {
			depth++;
		} else if (depth > 0) {
			depth -= *c == ')';
			continue;
		} else if (*c == '"' && !m->literal) {
			m->quoted = !m->quoted;
			continue;
		}
		bool fold = *c == '\r' || *c == '\n';
		if (depth == 0 && !fold && (m->quoted || !is_space(*c))) {
			return true;
		}
	}
	return false;
}

/* True if the local part is a Dot-string (RFC 5321 section 4.1.2). */
static bool
is_dotted(struct span local)
{
	struct meaning m = { local.at, local.at + local.len, false, false };
	char c, last = '.';

	while (next_octet(&m, &c)) {
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9');
		bool dot = c == '.' && last != '.';
		if (!alnum && !dot && (unsigned char)c < 0x80 &&
		    (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)) {
			return false;
		}
		last = c;
	}
	return last != '.';
}

static void
put_local(struct writer *w, struct span local)
{
	struct meaning m = { local.at, local.at + local.len, false, false };
	bool plain = is_dotted(local);
	char c;

	writer_add(w, "\"", !plain);
	while (next_octet(&m, &c)) {
		writer_add(w, "\\", !plain && (c == '"' || c == '\\'));
		writer_octet(w, c);
	}
	writer_add(w, "\"", !plain);
}

ssize_t
mailboxes_address(const struct mailboxes_entry *e, char *out, size_t size)
{
	struct writer w = { .out = out, .size = size };
	struct meaning m = { e->domain.at, e->domain.at + e->domain.len, false,
		false };
	char c;

	put_local(&w, e->local);
	writer_add(&w, "@", e->domain.len > 0);
	while (next_octet(&m, &c)) {
		writer_octet(&w, c);
	}
	return writer_finish(&w);
}

/* ---- display names ---- */

ssize_t
mailboxes_name(const struct mailboxes_entry *e, char *out, size_t size)
{
	struct span s = e->name.len > 0 ? e->name : e->note;

	return word_decode_phrase(s.at, s.len, out, size);
}

ssize_t
mailboxes_write(const char *name, size_t name_len, const char *address,
    size_t *column, const char *eol, char *out, size_t size)
{
	struct writer w = { .out = out, .size = size };
	size_t len = strlen(address);

	if (name_len > 0) {
		ssize_t n = word_encode(
		    WORD_PHRASE, name, name_len, *column, eol, out, size);
		if (n == -1) {
			return -1;
		}
		w.len = (size_t)n;
	}
	const char *line = memrchr(out, '\n', w.len);
	size_t at =
	    line == NULL ? *column + w.len : (size_t)(out + w.len - line) - 1;
	if (name_len > 0) {
		if (at + len + 3 > WORD_LINE) {
			writer_text(&w, eol);
			at = 0;
		}
		writer_add(&w, " <", 2);
		writer_add(&w, address, len);
		writer_octet(&w, '>');
		at += len + 3;
	} else {
		writer_add(&w, address, len);
		at += len;
	}
	ssize_t total = writer_finish(&w);
	*column = total == -1 ? *column : at;
	return total;
}
