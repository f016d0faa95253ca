/* SPDX-License-Identifier: ISC */
/* Encoded words (RFC 2047) for what is not ASCII among what is, and in
 * comments. */
#include "common/mime/field.h"

#include "common/mime/field_private.h"
#include "common/text/bytes.h"
#include "common/mime/word.h"

#include <stdlib.h>
#include <string.h>

enum { LATE = 40 }; /* columns after which a word begins a new line */

bool
words_high(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] & 0x80) != 0) {
			return true;
		}
	}
	return false;
}

void
words_ascii(struct output *o, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		output_add(o, (text[i] & 0x80) != 0 ? "?" : &text[i], 1);
	}
}

static bool
is_encoded(const char *word, size_t len)
{
	return len > 6 && memcmp(word, "=?", 2) == 0 &&
	       memcmp(word + len - 2, "?=", 2) == 0;
}

/* True if a word may not stay as it is. */
static bool
must_encode(enum words_context context, const char *word, size_t len)
{
	static const char specials[] = "()<>[]:;@\\,.\"";

	if (is_encoded(word, len) && !words_high(word, len)) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		bool bad = context == WORDS_PHRASE
		               ? strchr(specials, word[i]) != NULL
		               : context == WORDS_COMMENT &&
		                     strchr("()\\", word[i]) != NULL;
		if ((word[i] & 0x80) != 0 || word[i] == '\0' || bad) {
			return true;
		}
	}
	return false;
}

/* A run of octets as encoded words. */
static void
encode(struct output *o, const char *text, size_t len)
{
	size_t room = WORD_ENCODED(len);
	char *words = malloc(room);
	ssize_t n = words == NULL ? -1
	                          : word_encode(WORD_WORDS, text, len,
					output_column(o), "\r\n", words, room);

	if (n == -1) {
		o->failed = true;
	} else {
		output_add(o, words, (size_t)n);
	}
	free(words);
}

/* A word with the blanks before it. */
struct word {
	const char *blanks, *at;
	size_t blanks_len, len;
};

static bool
next_word(const char **text, const char *end, struct word *w)
{
	const char *p = *text;

	w->blanks = p;
	while (p < end && is_blank(*p)) {
		p++;
	}
	w->blanks_len = (size_t)(p - w->blanks);
	w->at = p;
	while (p < end && !is_blank(*p)) {
		p++;
	}
	w->len = (size_t)(p - w->at);
	*text = p;
	return w->len > 0;
}

/* Where a run of words that must be encoded ends. */
static const char *
run_end(enum words_context context, const char *text, const char *end)
{
	const char *last = text;
	struct word w;

	while (next_word(&text, end, &w)) {
		if (is_encoded(w.at, w.len) && !words_high(w.at, w.len)) {
			/* Blanks between two encoded words are nothing. */
			return w.at;
		}
		if (!must_encode(context, w.at, w.len)) {
			break;
		}
		last = text;
	}
	return last;
}

/* The blanks before a word, in a new line if this one ends before most. */
static void
space(struct output *o, const struct word *w, size_t most)
{
	bool fold = w->blanks_len > 0 && output_column(o) > most;

	output_text(o, fold ? "\r\n" : "");
	output_add(o, w->blanks, w->blanks_len);
}

void
words_write(
    struct output *o, enum words_context context, const char *text, size_t len)
{
	const char *end = text + len;
	bool after_encoded = false;
	struct word w;

	while (next_word(&text, end, &w)) {
		if (!must_encode(context, w.at, w.len)) {
			space(o, &w,
			    w.len < LATE ? WORD_LINE - w.len
					 : WORD_LINE - LATE);
			output_add(o, w.at, w.len);
			after_encoded = is_encoded(w.at, w.len);
			continue;
		}
		text = run_end(context, w.at, end);
		size_t run = (size_t)(text - w.at);
		space(o, &w, LATE);
		if (after_encoded) {
			encode(o, w.blanks, w.blanks_len + run);
		} else {
			encode(o, w.at, run);
		}
		/* What follows an encoded word has a blank before it. */
		if (text < end && !is_blank(*text)) {
			output_text(o, output_column(o) > LATE ? "\r\n " : " ");
		}
		after_encoded = true;
	}
	output_add(o, w.blanks, w.blanks_len);
}

/* Octets of the comment at text, which begins with its parenthesis. */
static size_t
comment_length(const char *text, size_t len)
{
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\') {
			i++;
		} else if (text[i] == '(') {
			depth++;
		} else if (text[i] == ')' && --depth == 0) {
			return i + 1;
		}
	}
	return len;
}

/* A comment, which may lack its end, as one line. */
static void
write_comment(struct output *o, const char *text, size_t len)
{
	char *line = malloc(len);
	bool closed = len > 1 && text[len - 1] == ')';
	size_t n = 0;

	if (line == NULL) {
		o->failed = true;
		return;
	}
	for (size_t i = 1; i < len - closed; i++) {
		if (text[i] != '\r' && text[i] != '\n') {
			line[n++] = text[i];
		}
	}
	output_text(o, "(");
	words_write(o, WORDS_COMMENT, line, n);
	output_text(o, ")");
	free(line);
}

/* True if all that is beyond ASCII is in comments. */
static bool
only_comments_high(const char *value, size_t len)
{
	bool quoted = false;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = 1;
		if ((value[i] & 0x80) != 0) {
			return false;
		}
		if (value[i] == '\\') {
			n = i + 1 < len && (value[i + 1] & 0x80) == 0 ? 2 : 1;
		} else if (value[i] == '"') {
			quoted = !quoted;
		} else if (value[i] == '(' && !quoted) {
			n = comment_length(value + i, len - i);
		}
	}
	return true;
}

/* Octets at text up to one of ends, or of all. */
static size_t
length_to(const char *ends, const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && memchr(ends, text[n], strlen(ends)) == NULL) {
		n++;
	}
	return n;
}

/* Writes what follows, up to a line end or a comment, in parentheses; how many
 * octets that are. */
static size_t
write_as_comment(struct output *o, const char *text, size_t len)
{
	size_t n = length_to("\r\n(", text, len);

	while (is_blank(text[n - 1])) {
		n--;
	}
	output_text(o, "(");
	words_write(o, WORDS_COMMENT, text, n);
	output_text(o, ")");
	return n;
}

bool
comments_write(
    struct output *o, const char *value, size_t len, enum comments how)
{
	bool quoted = false;
	size_t n;

	if (how != COMMENTS_MORE && !only_comments_high(value, len)) {
		return false;
	}
	for (size_t i = 0; i < len; i += n) {
		n = how == COMMENTS_MORE
		        ? length_to(" \t\r\n(", value + i, len - i)
		        : 0;
		if (words_high(value + i, n)) {
			n = write_as_comment(o, value + i, len - i);
			continue;
		}
		if (n > 0) {
			output_add(o, value + i, n);
			continue;
		}
		n = value[i] == '\\' && i + 1 < len ? 2 : 1;
		quoted = value[i] == '"' ? !quoted : quoted;
		if (value[i] != '(' || quoted) {
			output_add(o, value + i, n);
			continue;
		}
		n = comment_length(value + i, len - i);
		if (!words_high(value + i, n)) {
			output_add(o, value + i, n);
		} else if (how != COMMENTS_GO) {
			write_comment(o, value + i, n);
		}
	}
	return true;
}
