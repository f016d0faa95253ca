/* SPDX-License-Identifier: ISC */
/* Parameters of header fields, written (RFC 2045 section 5.1, RFC 2231): pure.
 */
#include "common/mime/param.h"

#include "common/mime/charset.h"
#include "common/mime/word.h"
#include "common/text/bytes.h"
#include "common/text/utf8.h"

#include <string.h>

struct encoder {
	struct writer to;
	const char *name;
};

/* The semicolon, and the start of a line for the text after it. */
static void
start_parameter(struct writer *w)
{
	writer_octet(w, ';');
	writer_fold(w);
	writer_octet(w, ' ');
}

static char
clean(char c)
{
	return (c >= 0 && c < ' ') || c == 0x7f ? '_' : c;
}

/* RFC 2045 section 5.1, less what readers take for marks of RFC 2231. */
static bool
is_token(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = clean(value[i]);
		if (c <= ' ' || strchr("()<>@,;:\\\"/[]?=*'%", c) != NULL) {
			return false;
		}
	}
	return len > 0;
}

/* RFC 2231 section 7: attribute-char. */
static bool
is_attribute(char c)
{
	return is_token(&c, 1);
}

/* True if the value fits a line as it is, in quotes; some readers trim it. */
static bool
is_short(const char *name, const char *value, size_t len)
{
	size_t size = strlen(name) + sizeof(" =\"\"");

	for (size_t i = 0; i < len && size <= WORD_LINE; i++) {
		char c = clean(value[i]);
		bool word = c == '?' && i > 0 && value[i - 1] == '=';
		if (c < ' ' || word) {
			return false;
		}
		size += c == '"' || c == '\\' ? 2 : 1;
	}
	bool edge = len > 0 && (value[0] == ' ' || value[len - 1] == ' ');
	return size <= WORD_LINE && !edge;
}

static void
put_short(struct encoder *e, const char *value, size_t len)
{
	struct writer *w = &e->to;
	bool token = is_token(value, len);

	start_parameter(w);
	writer_text(w, e->name);
	writer_text(w, token ? "=" : "=\"");
	for (size_t i = 0; i < len; i++) {
		char c = clean(value[i]);
		writer_add(w, "\\", c == '"' || c == '\\');
		writer_octet(w, c);
	}
	writer_text(w, token ? "" : "\"");
}

/* Octets of a character's extended form, and its own octets. */
static size_t
extended_size(const char *value, size_t len, bool utf8, size_t *used)
{
	size_t n = 0;

	*used = 1;
	if (utf8) {
		(void)utf8_next(value, len, used);
	}
	for (size_t i = 0; i < *used; i++) {
		n += is_attribute(clean(value[i])) ? 1 : 3;
	}
	return n;
}

static void
put_extended(struct writer *w, const char *value, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		char c = clean(value[i]);
		char escape[3] = { '%', hex[(unsigned char)c >> 4],
			hex[c & 15] };
		if (is_attribute(c)) {
			writer_octet(w, c);
		} else {
			writer_add(w, escape, sizeof(escape));
		}
	}
}

/* A number as text. */
static void
put_number(struct writer *w, unsigned n)
{
	char digit = (char)('0' + n % 10);

	if (n > 9) {
		put_number(w, n / 10);
	}
	writer_octet(w, digit);
}

/* name*=, or name*0*= and so on; characters stay whole. */
static void
put_sections(struct encoder *e, const char *value, size_t len)
{
	struct writer *w = &e->to;
	bool utf8 = charset_is_utf8(value, len);
	const char *label = utf8 ? "utf-8''" : "unknown-8bit''";
	size_t used, size = strlen(e->name) + strlen(label) + sizeof(" *=;");

	for (size_t i = 0; i < len && size <= WORD_LINE; i += used) {
		size += extended_size(value + i, len - i, utf8, &used);
	}
	bool split = size > WORD_LINE;
	unsigned section = 0;
	do {
		start_parameter(w);
		writer_text(w, e->name);
		writer_text(w, "*");
		if (split) {
			put_number(w, section);
			writer_text(w, "*");
		}
		writer_text(w, "=");
		writer_text(w, section == 0 ? label : "");
		bool first = true;
		for (size_t n; len > 0; len -= used, value += used) {
			n = extended_size(value, len, utf8, &used);
			if (!first && w->column + n + 1 > WORD_LINE) {
				break;
			}
			put_extended(w, value, used);
			first = false;
		}
		section++;
	} while (len > 0 && !w->full);
}

ssize_t
param_encode(const char *name, const char *value, size_t len, const char *eol,
    char *out, size_t size)
{
	struct encoder e = { .to = { .out = out, .size = size, .eol = eol },
		.name = name };

	if (is_short(name, value, len)) {
		put_short(&e, value, len);
	} else {
		put_sections(&e, value, len);
	}
	return writer_finish(&e.to);
}

ssize_t
param_encode_words(const char *name, const char *value, size_t len,
    const char *eol, char *out, size_t size)
{
	struct encoder e = { .to = { .out = out, .size = size, .eol = eol },
		.name = name };

	if (is_short(name, value, len)) {
		put_short(&e, value, len);
		return writer_finish(&e.to);
	}
	start_parameter(&e.to);
	writer_text(&e.to, name);
	writer_text(&e.to, "=\"");
	/* A phrase's words are safe inside quotes, too. */
	ssize_t n = e.to.full
	                ? -1
	                : word_encode(WORD_WORDS, value, len, e.to.column + 1,
			      eol, out + e.to.len, size - e.to.len);
	e.to.full |= n == -1;
	e.to.len += n == -1 ? 0 : (size_t)n;
	writer_text(&e.to, "\"");
	return writer_finish(&e.to);
}
