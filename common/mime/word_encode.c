/* SPDX-License-Identifier: ISC */
/*
 * Encoded words, written (RFC 2047): pure.
 *
 * Text is taken as tokens, each a word with the blank before it.  Those that
 * need it are encoded, neighbours together, because blanks between encoded
 * words mean nothing.
 */
#include "common/mime/word.h"

#include "common/mime/charset.h"
#include "common/text/base64.h"
#include "common/text/bytes.h"
#include "common/text/utf8.h"

#include <stdbool.h>
#include <string.h>

enum { PLAIN_LONG = 900 }; /* a word that cannot be folded, well below 998 */

struct encoder {
	struct writer to;
	enum word_context context;
	bool utf8;
};

static bool
is_control(char c)
{
	return (c >= 0 && c < ' ') || c == 0x7f;
}

static bool
is_gap(char c)
{
	return c == ' ' || is_control(c);
}

static char
clean(char c)
{
	return is_control(c) ? ' ' : c;
}

/* ---- which encoding ---- */

/* RFC 2047 section 5 (3) for phrases, 4.2 else; "_" stands for a blank. */
static bool
is_q(const struct encoder *e, char c)
{
	bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	             (c >= '0' && c <= '9') || c == ' ';

	return alnum || (c > ' ' && c < 0x7f &&
			    strchr(e->context != WORD_TEXT
				       ? "!*+-/"
				       : "!*+-/#$%&',.:;<>@[\\]^`{|}~",
				c) != NULL);
}

static size_t
q_size(const struct encoder *e, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		n += is_q(e, clean(text[i])) ? 1 : 3;
	}
	return n;
}

/* ---- an encoded run ---- */

static void
put_q(struct encoder *e, const char *text, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		char c = clean(text[i]);
		if (is_q(e, c)) {
			writer_octet(&e->to, c == ' ' ? '_' : c);
			continue;
		}
		writer_octet(&e->to, '=');
		writer_octet(&e->to, hex[(unsigned char)c >> 4]);
		writer_octet(&e->to, hex[c & 15]);
	}
}

static void
put_b(struct encoder *e, const char *text, size_t len)
{
	char raw[WORD_MAX], encoded[BASE64_SIZE(WORD_MAX)];

	for (size_t i = 0; i < len; i++) {
		raw[i] = clean(text[i]);
	}
	ssize_t n = base64_encode(raw, len, encoded, sizeof(encoded));
	writer_add(&e->to, encoded, n == -1 ? 0 : (size_t)n);
}

/* How many octets of text, in whole characters, make a word of most octets. */
static size_t
fit(const struct encoder *e, bool b, const char *text, size_t len, size_t most)
{
	size_t taken = 0, cost = 0, used = 1;

	for (size_t i = 0; i < len; i += used) {
		used = 1;
		if (e->utf8) {
			(void)utf8_next(text + i, len - i, &used);
		}
		cost = b ? BASE64_SIZE(i + used) - 1
		         : cost + q_size(e, text + i, used);
		if (cost > most) {
			break;
		}
		taken = i + used;
	}
	return taken;
}

/* As many words as it takes, with a blank between them. */
static void
put_run(struct encoder *e, const char *text, size_t len)
{
	const char *charset = e->utf8 ? "utf-8" : "unknown-8bit";
	size_t frame = strlen(charset) + 7;
	/* A quote follows the last of WORD_WORDS. */
	size_t line = WORD_LINE - (e->context == WORD_WORDS);
	bool b = BASE64_SIZE(len) - 1 < q_size(e, text, len);

	while (len > 0 && !e->to.full) {
		size_t left = e->to.column < line ? line - e->to.column : 0;
		left = left < WORD_MAX ? left : WORD_MAX;
		size_t n =
		    left <= frame ? 0 : fit(e, b, text, len, left - frame);
		if (n == 0) {
			/* The blank before it moves to the next line. */
			e->to.len -=
			    e->to.len > 0 && e->to.out[e->to.len - 1] == ' ';
			writer_fold(&e->to);
			writer_octet(&e->to, ' ');
			n = fit(e, b, text, len, line - 1 - frame);
		}
		writer_add(&e->to, "=?", 2);
		writer_add(&e->to, charset, strlen(charset));
		writer_add(&e->to, b ? "?B?" : "?Q?", 3);
		if (b) {
			put_b(e, text, n);
		} else {
			put_q(e, text, n);
		}
		writer_add(&e->to, "?=", 2);
		text += n;
		len -= n;
		if (len > 0) {
			writer_octet(&e->to, ' ');
		}
	}
}

/* ---- tokens ---- */

struct token {
	const char *text; /* begins with its blanks */
	size_t blanks, len;
	bool coded;
};

/* The token at text; the last one has the blanks after it, too. */
static struct token
next_token(const char *text, const char *end, bool first)
{
	struct token t = { .text = text };
	const char *p = text;
	bool strange = false;

	while (p < end && is_gap(*p)) {
		p++;
	}
	t.blanks = (size_t)(p - text);
	const char *word = p;
	for (; p < end && !is_gap(*p); p++) {
		strange |= (unsigned char)*p >= 0x80 ||
		           (*p == '?' && p > word && p[-1] == '=');
	}
	strange |= p - word > PLAIN_LONG || t.blanks > !first;
	const char *rest = p;
	while (rest < end && is_gap(*rest)) {
		rest++;
	}
	if (rest == end && rest > p) {
		strange = true;
		p = rest;
	}
	t.len = (size_t)(p - text);
	t.coded = strange;
	return t;
}

/* True if it can stay as it is, but for folds: printable ASCII, few blanks. */
static bool
is_plain(const char *text, size_t len)
{
	size_t word = 0, blanks = 0;

	for (size_t i = 0; i < len; i++) {
		blanks = text[i] == ' ' ? blanks + 1 : 0;
		word = text[i] == ' ' ? 0 : word + 1;
		if (text[i] < ' ' || text[i] > '~' || word > PLAIN_LONG ||
		    blanks > WORD_LINE / 2 ||
		    (text[i] == '?' && i > 0 && text[i - 1] == '=')) {
			return false;
		}
	}
	return len == 0 || (text[0] != ' ' && text[len - 1] != ' ');
}

/* Plain words with the blanks before them, folded there. */
static void
put_plain(struct encoder *e, const char *text, size_t len)
{
	size_t blanks;

	for (size_t i = 0, n; i < len; i += n) {
		for (blanks = 0; i + blanks < len && text[i + blanks] == ' ';
		     blanks++) {
		}
		for (n = blanks; i + n < len && text[i + n] != ' '; n++) {
		}
		if (blanks > 0 && n > blanks && e->to.column + n > WORD_LINE) {
			writer_fold(&e->to);
		}
		writer_add(&e->to, text + i, n);
	}
}

/* A plain one; its blank may have been another control character. */
static void
put_token(struct encoder *e, const struct token *t)
{
	if (t->blanks > 0 && e->to.column + t->len > WORD_LINE) {
		writer_fold(&e->to);
	}
	writer_add(&e->to, " ", t->blanks);
	writer_add(&e->to, t->text + t->blanks, t->len - t->blanks);
}

static void
put_tokens(struct encoder *e, const char *text, const char *end)
{
	bool first = true;

	while (text < end && !e->to.full) {
		struct token t = next_token(text, end, first);
		const char *start = text;
		text += t.len;
		if (!t.coded) {
			put_token(e, &t);
			first = false;
			continue;
		}
		for (struct token next = t; next.coded && text < end;) {
			next = next_token(text, end, false);
			text += next.coded ? next.len : 0;
		}
		if (!first) {
			writer_octet(&e->to, ' ');
			start++;
		}
		put_run(e, start, (size_t)(text - start));
		first = false;
	}
}

/* ---- phrases ---- */

/* How far the next word reaches, with the blank at text. */
static size_t
next_blank(const char *text, size_t len)
{
	const char *blank = memchr(text + 1, ' ', len - 1);

	return blank == NULL ? len : (size_t)(blank - text);
}

/* The text has no blanks at its ends. */
static void
put_quoted(struct encoder *e, const char *text, size_t len)
{
	writer_octet(&e->to, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ' && text[i - 1] != ' ' &&
		    e->to.column + next_blank(text + i, len - i) >
			WORD_LINE - 2) {
			writer_fold(&e->to);
		}
		if (text[i] == '"' || text[i] == '\\') {
			writer_octet(&e->to, '\\');
		}
		writer_octet(&e->to, text[i]);
	}
	writer_octet(&e->to, '"');
}

/* RFC 5322 section 3.2.3; readers make one blank of several. */
static bool
is_atoms(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9');
		if (c == ' ' && i > 0 && text[i - 1] == ' ') {
			return false;
		}
		if (!alnum &&
		    (c == '\0' || strchr(" !#$%&'*+-/=?^_`{|}~", c) == NULL)) {
			return false;
		}
	}
	return true;
}

ssize_t
word_encode(enum word_context context, const char *text, size_t len,
    size_t column, const char *eol, char *out, size_t size)
{
	struct encoder e = { .to = { .out = out,
				 .size = size,
				 .column = column,
				 .eol = eol },
		.context = context,
		.utf8 = charset_is_utf8(text, len) };

	if (context == WORD_WORDS || !is_plain(text, len)) {
		if (context == WORD_TEXT) {
			put_tokens(&e, text, text + len);
		} else {
			put_run(&e, text, len);
		}
	} else if (context == WORD_PHRASE && !is_atoms(text, len)) {
		put_quoted(&e, text, len);
	} else {
		put_plain(&e, text, len);
	}
	return writer_finish(&e.to);
}
