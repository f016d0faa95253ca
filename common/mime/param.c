/* SPDX-License-Identifier: ISC */
/*
 * Parameters of header fields, read (RFC 2045 section 5.1, RFC 2231).
 *
 *   value     = start *(";" parameter)
 *   parameter = name ["*" section] ["*"] "=" (token / quoted-string)
 *
 * with comments, blanks and folds between them.  Unquoted values may hold what
 * tokens may not: blanks, parentheses, slashes.
 */
#include "common/mime/param.h"

#include "common/mime/charset.h"
#include "common/mime/word.h"
#include "common/text/bytes.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* A parameter as written. */
struct parameter {
	struct span name; /* without asterisks */
	int section;      /* -1: it is not continued */
	bool extended;    /* percent signs mean something */
	bool quoted;      /* value is what stands between the quotes */
	struct span value;
};

/* What a value is made of. */
struct found {
	struct parameter sections[PARAM_SECTIONS];
	size_t count;
	struct span charset;
};

/* Behind the comment, or the quoted string, that begins at p. */
static const char *
skip_nested(const char *p, const char *end)
{
	bool comment = *p == '(';
	size_t depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end) {
			p++;
		} else if (comment ? *p == '(' : *p == '"' && depth == 0) {
			depth++;
		} else if (*p == (comment ? ')' : '"') && --depth == 0) {
			return p + 1;
		}
	}
	return end;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (is_space(*p) || *p == '(')) {
		p = *p == '(' ? skip_nested(p, end) : p + 1;
	}
	return p;
}

static struct span
trimmed(const char *start, const char *end)
{
	while (end > start && is_space(end[-1])) {
		end--;
	}
	return (struct span){ start, (size_t)(end - start) };
}

bool
param_type(const char *value, size_t len, char type[PARAM_TYPE])
{
	const char *end = value + len;
	size_t n = 0;

	for (const char *p = skip_blanks(value, end); p < end && *p != ';';
	     p = skip_blanks(p + 1, end)) {
		if (*p <= ' ' || *p == 0x7f || *p == '"' || *p == '=' ||
		    n == PARAM_TYPE - 1) {
			n = 0;
			break;
		}
		type[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	}
	type[n] = '\0';
	return n > 0;
}

/* Behind the ";" that ends what stands at p. */
static const char *
skip_semicolon(const char *p, const char *end)
{
	while (p < end && *p != ';') {
		p = *p == '"' || *p == '(' ? skip_nested(p, end) : p + 1;
	}
	return p < end ? p + 1 : end;
}

/* Takes the asterisks off a name. */
static void
read_name(struct parameter *q)
{
	const char *name = q->name.at;
	const char *star = memchr(name, '*', q->name.len);
	size_t i = 1, digits = 0;

	q->section = -1;
	q->extended = false;
	if (star == NULL) {
		return;
	}
	size_t len = q->name.len - (size_t)(star - name);
	int section = 0;
	for (; i < len && star[i] >= '0' && star[i] <= '9' && digits < 4;
	     i++, digits++) {
		section = section * 10 + (star[i] - '0');
	}
	bool extended = i < len ? star[i] == '*' : digits == 0;
	if (i + (i < len && extended) != len) {
		return; /* an asterisk like any other octet */
	}
	q->section = digits > 0 ? section : -1;
	q->extended = extended;
	q->name.len = (size_t)(star - name);
}

/* The end of an unquoted value: a semicolon, or a comment after a blank. */
static const char *
value_end(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *p != ';' &&
	       !(*p == '(' && p > start && is_space(p[-1]))) {
		p++;
	}
	return p;
}

/* The next parameter at *at, which ends up after it. */
static bool
next_parameter(const char **at, const char *end, struct parameter *q)
{
	const char *p = *at;

	for (;; p++) {
		p = skip_blanks(p, end);
		const char *start = p;
		while (p < end && *p != '=' && *p != ';' && *p != '(') {
			p++;
		}
		q->name = trimmed(start, p);
		p = skip_blanks(p, end);
		if (p == end) {
			return false;
		}
		if (*p == '=') {
			break;
		}
		p = skip_semicolon(p, end) - 1;
	}
	read_name(q);
	p = skip_blanks(p + 1, end);
	q->quoted = p < end && *p == '"';
	if (q->quoted) {
		const char *after = skip_nested(p, end);
		bool closed = after > p + 1 && after[-1] == '"';
		q->value.at = p + 1;
		q->value.len = (size_t)(after - closed - (p + 1));
		p = after;
	} else {
		const char *stop = value_end(p, end);
		q->value = trimmed(p, stop);
		p = stop;
	}
	*at = skip_semicolon(p, end);
	return true;
}

/* Gathers what the parameter of that name is made of; false: none. */
static bool
find_parameter(const char *value, size_t len, const char *name, struct found *f)
{
	struct parameter q, plain = { 0 };
	const char *end = value + len;
	const char *p = skip_semicolon(value, end);
	size_t name_len = strlen(name);

	memset(f->sections, 0, sizeof(f->sections));
	f->count = 0;
	bool single = false;
	while (!single && next_parameter(&p, end, &q)) {
		if (q.name.len != name_len ||
		    strncasecmp(q.name.at, name, name_len) != 0 ||
		    q.section >= PARAM_SECTIONS) {
			continue;
		}
		single = q.section == -1 && q.extended;
		struct parameter *slot = single ? &f->sections[0]
		                         : q.section == -1
		                             ? &plain
		                             : &f->sections[q.section];
		if (single || slot->value.at == NULL) {
			*slot = q;
		}
	}
	if (f->sections[0].value.at == NULL) {
		f->sections[0] = plain;
		single = true;
	}
	while (f->count < (single ? 1 : PARAM_SECTIONS) &&
	       f->sections[f->count].value.at != NULL) {
		f->count++;
	}
	return f->count > 0;
}

/* Takes charset'language' off an extended value. */
static void
split_charset(struct found *f)
{
	struct span *value = &f->sections[0].value;
	const char *end = value->at + value->len;
	const char *one = memchr(value->at, '\'', value->len);
	const char *two =
	    one == NULL ? NULL : memchr(one + 1, '\'', (size_t)(end - one - 1));

	f->charset = (struct span){ "", 0 };
	if (f->sections[0].extended && two != NULL) {
		f->charset =
		    (struct span){ value->at, (size_t)(one - value->at) };
		*value = (struct span){ two + 1, (size_t)(end - two - 1) };
	}
}

/* The octet at text[*i], which ends up after it; -1: it stands for none. */
static int
octet(const struct parameter *q, size_t *i)
{
	const char *text = q->value.at;
	size_t left = q->value.len - *i;
	char c = text[*i];

	if (q->extended && c == '%' && left > 2 &&
	    hex_digit(text[*i + 1]) != -1 && hex_digit(text[*i + 2]) != -1) {
		*i += 3;
		return hex_digit(text[*i - 2]) << 4 | hex_digit(text[*i - 1]);
	}
	if (q->quoted && c == '\\' && left > 1) {
		*i += 2;
		return (unsigned char)text[*i - 1];
	}
	*i += 1;
	bool line_end =
	    c == '\n' || (c == '\r' && left > 1 && text[*i] == '\n');
	return line_end ? -1 : (unsigned char)c;
}

static ssize_t
join(const struct found *f, char *out, size_t size)
{
	size_t n = 0;

	for (size_t k = 0; k < f->count; k++) {
		const struct parameter *q = &f->sections[k];
		for (size_t i = 0; i < q->value.len;) {
			int c = octet(q, &i);
			if (n + 1 >= size) {
				errno = EMSGSIZE;
				return -1;
			}
			out[n] = (char)c;
			n += c != -1 && c != 0;
		}
	}
	if (size == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

ssize_t
param_get(
    const char *value, size_t len, const char *name, char *out, size_t size)
{
	struct found f;

	if (!find_parameter(value, len, name, &f)) {
		errno = ENOENT;
		return -1;
	}
	split_charset(&f);
	return join(&f, out, size);
}

ssize_t
param_text(
    const char *value, size_t len, const char *name, char *out, size_t size)
{
	struct found f;
	char raw[PARAM_LONG], charset[64] = "";

	if (!find_parameter(value, len, name, &f)) {
		errno = ENOENT;
		return -1;
	}
	split_charset(&f);
	ssize_t n = join(&f, raw, sizeof(raw));
	if (n == -1) {
		return -1;
	}
	if (!f.sections[0].extended) {
		return word_decode(raw, (size_t)n, out, size);
	}
	if (f.charset.len < sizeof(charset)) {
		memcpy(charset, f.charset.at, f.charset.len);
		charset[f.charset.len] = '\0';
	}
	ssize_t decoded = charset_decode(charset, raw, (size_t)n, out, size);
	if (decoded == -1 && errno == EINVAL) {
		decoded = charset_decode("utf-8", raw, (size_t)n, out, size);
	}
	return decoded;
}
