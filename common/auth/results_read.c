/* SPDX-License-Identifier: ISC */
/*
 * Results as RFC 8601 section 2.2 has them.  Comments may stand between any two
 * words; a value is a word, a quoted string, or either of them with "@" and a
 * domain.
 */
#include "common/auth/results_read.h"

#include "common/auth/dmarc.h"
#include "common/text/idna.h"

#include <string.h>
#include <strings.h>

static void
step(struct span *s, size_t n)
{
	s->at += n;
	s->len -= n;
}

/* The octets of a comment or quoted string, which s begins with. */
static size_t
quoted_length(struct span s)
{
	bool comment = *s.at == '(';
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		if (c == '\\') {
			i++;
		} else if (comment && c == '(') {
			depth++;
		} else if (comment ? c == ')' && --depth == 0
				   : c == '"' && i > 0) {
			return i + 1;
		}
	}
	return s.len;
}

static void
skip_blanks(struct span *s)
{
	while (s->len > 0 && (is_space(*s->at) || *s->at == '(')) {
		step(s, *s->at == '(' ? quoted_length(*s) : 1);
	}
}

/* Takes a word, up to a blank, a comment, or one of the octets. */
static struct span
take_word(struct span *s, const char *stops)
{
	struct span word = { s->at, 0 };

	while (s->len > 0 && !is_space(*s->at) && *s->at != '(' &&
	       strchr(stops, *s->at) == NULL) {
		size_t n = *s->at == '"' ? quoted_length(*s) : 1;
		word.len += n;
		step(s, n);
	}
	return word;
}

static bool
is_text(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

bool
results_of_anybody(struct span value, struct span *rest)
{
	*rest = value;
	skip_blanks(rest);
	bool any = take_word(rest, ";").len > 0;
	skip_blanks(rest);
	(void)take_word(rest, ";"); /* a version */
	skip_blanks(rest);
	return any && (rest->len == 0 || *rest->at == ';');
}

bool
results_of(struct span value, const char *id, struct span *rest)
{
	struct span at = value;

	skip_blanks(&at);
	return is_text(take_word(&at, ";"), id) &&
	       results_of_anybody(value, rest);
}

/* The length up to the next semicolon that ends a result. */
static size_t
item_length(struct span s)
{
	size_t len = s.len;

	while (s.len > 0 && *s.at != ';') {
		step(&s, *s.at == '(' || *s.at == '"' ? quoted_length(s) : 1);
	}
	return len - s.len;
}

/* Takes "=" with what may be around it. */
static bool
take_equals(struct span *s)
{
	skip_blanks(s);
	if (s->len == 0 || *s->at != '=') {
		return false;
	}
	step(s, 1);
	skip_blanks(s);
	return true;
}

bool
results_instance(struct span value, struct span *digits, struct span *rest)
{
	*rest = value;
	skip_blanks(rest);
	if (!is_text(take_word(rest, "=;"), "i") || !take_equals(rest)) {
		return false;
	}
	*digits = take_word(rest, ";");
	skip_blanks(rest);
	if (rest->len == 0 || *rest->at != ';') {
		return false;
	}
	step(rest, 1);
	return true;
}

bool
results_next(struct span *rest, struct results_item *item)
{
	while (rest->len > 0) {
		step(rest, *rest->at == ';');
		size_t len = item_length(*rest);
		item->rest = (struct span){ rest->at, len };
		step(rest, len);
		skip_blanks(&item->rest);
		item->method = take_word(&item->rest, "=/;");
		skip_blanks(&item->rest);
		if (item->rest.len > 0 && *item->rest.at == '/') {
			step(&item->rest, 1); /* the version of a method */
			skip_blanks(&item->rest);
			(void)take_word(&item->rest, "=");
		}
		if (item->method.len > 0 && take_equals(&item->rest)) {
			item->result = take_word(&item->rest, "");
			return true;
		}
	}
	return false;
}

bool
results_is(
    const struct results_item *item, const char *method, const char *result)
{
	return is_text(item->method, method) && is_text(item->result, result);
}

/* Copies a value without its quotes. */
static bool
copy_value(struct span s, char *out, size_t size)
{
	size_t n = 0;

	for (bool quoted = false; s.len > 0; step(&s, 1)) {
		char c = *s.at;
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && c == '\\' && s.len > 1) {
			step(&s, 1);
			c = *s.at;
		}
		if (n + 1 >= size || c == '\0') {
			return false;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

bool
results_value(const struct results_item *item, const char *property, char *out,
    size_t size)
{
	struct span s = item->rest;

	for (skip_blanks(&s); s.len > 0; skip_blanks(&s)) {
		struct span name = take_word(&s, "=");
		if (!take_equals(&s)) {
			step(&s, name.len == 0 && s.len > 0);
			continue;
		}
		struct span value = take_word(&s, "");
		if (is_text(name, property)) {
			return copy_value(value, out, size);
		}
	}
	return false;
}

/* The domain of a value, as ask_name() has it; false: it has none. */
static bool
read_domain(
    const struct results_item *item, const char *property, char name[ASK_NAME])
{
	char value[2 * ASK_NAME], ascii[ASK_NAME];

	if (!results_value(item, property, value, sizeof(value))) {
		return false;
	}
	const char *at = strrchr(value, '@');
	const char *domain = at == NULL ? value : at + 1;
	return idna_domain(domain, strlen(domain), ascii, sizeof(ascii)) ==
	           IDNA_OK &&
	       ask_name(ascii, strlen(ascii), name);
}

/* RFC 9989 section 4.4, by what is known of the author's domain. */
static bool
is_aligned(const struct results_item *item, const char *property,
    const struct dmarc *d, bool strict)
{
	char name[ASK_NAME];

	return read_domain(item, property, name) &&
	       (strcmp(name, d->author) == 0 ||
		   (!strict && ask_is_below(name, d->organization)));
}

/* True if a result of SPF or DKIM is a pass for the author. */
static bool
is_pass(const struct results_item *item, const struct dmarc *d)
{
	char signer[ASK_NAME];

	if (results_is(item, "spf", "pass")) {
		return is_aligned(item, "smtp.mailfrom", d, d->strict_spf);
	}
	/* Alignment is that of d; some write i alone. */
	return results_is(item, "dkim", "pass") &&
	       is_aligned(item,
		   results_value(item, "header.d", signer, sizeof(signer))
		       ? "header.d"
		       : "header.i",
		   d, d->strict_dkim);
}

bool
results_vouch(struct span rest, const struct dmarc *d)
{
	struct results_item item;
	bool vouched = false;
	char from[ASK_NAME];

	while (results_next(&rest, &item)) {
		bool fail = results_is(&item, "dmarc", "fail");
		if (!fail && !results_is(&item, "dmarc", "pass")) {
			vouched = vouched || is_pass(&item, d);
			continue;
		}
		bool read = read_domain(&item, "header.from", from);
		bool author = read && strcmp(from, d->author) == 0;
		/* It may be the author whom a fail does not name. */
		if (fail && (author || !read)) {
			return false;
		}
		vouched = vouched || author;
	}
	return vouched;
}
