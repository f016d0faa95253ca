/* SPDX-License-Identifier: ISC */
/*
 * Encoded words, read (RFC 2047).
 *
 *   word = "=?" charset ["*" language] "?" ("B" / "Q") "?" text "?="
 */
#include "common/mime/word.h"

#include "common/mime/charset.h"
#include "common/text/base64.h"
#include "common/text/bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
	CHARSET = 64, /* octets of a charset's name, NUL included */
	TEXT = 1000,  /* of one word: longer ones are none */
	JOINED = 4096 /* octets of words that are converted as one */
};

struct word {
	char charset[CHARSET];
	bool base64;
	const char *text; /* still encoded */
	size_t len;
	const char *end; /* after the word */
};

struct decoder {
	char *out;
	size_t size, len;
	bool full;
	bool phrase;  /* quotes and backslashes are not text */
	bool escaped; /* the octet after a backslash comes next */
	/* Words in one charset that follow each other, decoded: senders cut
	   characters in two. */
	char charset[CHARSET];
	unsigned char raw[JOINED];
	size_t raw_len;
	const char *first, *last; /* as they stood in the text */
};

static bool
is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* How many octets there are before the next "?". */
static size_t
part(const char *p, const char *end, size_t most)
{
	size_t n = 0;

	while (p + n < end && n < most && p[n] != '?' && !is_line_end(p[n])) {
		n++;
	}
	return n;
}

/* Reads a word at p; false: none is there. */
static bool
read_word(const char *p, const char *end, struct word *w)
{
	if (end - p < 8 || p[0] != '=' || p[1] != '?') {
		return false;
	}
	p += 2;
	size_t n = part(p, end, CHARSET);
	if (n == 0 || n >= CHARSET || end - p < (ptrdiff_t)n + 5) {
		return false;
	}
	memcpy(w->charset, p, n);
	w->charset[n] = '\0';
	w->charset[strcspn(w->charset, "*")] = '\0'; /* RFC 2231 section 5 */
	p += n;
	if (p[0] != '?' || strchr("BbQq", p[1]) == NULL || p[1] == '\0' ||
	    p[2] != '?') {
		return false;
	}
	w->base64 = p[1] == 'B' || p[1] == 'b';
	w->text = p + 3;
	w->len = part(w->text, end, TEXT);
	w->end = w->text + w->len + 2;
	return w->charset[0] != '\0' && w->end <= end && w->end[-2] == '?' &&
	       w->end[-1] == '=';
}

/* ---- what comes out ---- */

static void
put_decoded(
    struct decoder *d, const char *charset, const char *text, size_t len)
{
	ssize_t n = charset_decode(
	    charset, text, len, d->out + d->len, d->size - d->len);

	d->full |= n == -1;
	d->len += n == -1 ? 0 : (size_t)n;
}

enum octet { OCTET_TEXT, OCTET_BLANK, OCTET_NOTHING };

/* How an octet of text that is not encoded is to be taken. */
static enum octet
octet(struct decoder *d, const char *text, size_t left)
{
	bool escaped = d->escaped;

	d->escaped = d->phrase && !escaped && *text == '\\';
	if (*text == '\r' && (left == 1 || text[1] != '\n')) {
		return OCTET_BLANK; /* a CR that is no line end */
	}
	return is_line_end(*text) || *text == '\0' || d->escaped ||
	               (d->phrase && !escaped && *text == '"')
	           ? OCTET_NOTHING
	           : OCTET_TEXT;
}

/* Text that is not encoded; of folds the blank stays. */
static void
put_plain(struct decoder *d, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i += n) {
		enum octet kind = OCTET_TEXT;
		for (n = 0; i + n < len && kind == OCTET_TEXT; n++) {
			kind = octet(d, text + i + n, len - i - n);
		}
		put_decoded(d, "utf-8", text + i, n - (kind != OCTET_TEXT));
		put_decoded(d, "utf-8", " ", kind == OCTET_BLANK);
	}
}

/* The words that were collected; as they stood if the charset is unknown. */
static void
put_words(struct decoder *d)
{
	if (d->first == NULL) {
		return;
	}
	ssize_t n = charset_decode(d->charset, (const char *)d->raw, d->raw_len,
	    d->out + d->len, d->size - d->len);
	if (n >= 0) {
		d->len += (size_t)n;
	} else {
		put_plain(d, d->first, (size_t)(d->last - d->first));
	}
	d->first = NULL;
	d->raw_len = 0;
}

/* RFC 2047 section 4.2. */
static size_t
decode_q(const char *text, size_t len, unsigned char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high =
		    text[i] == '=' && i + 2 < len ? hex_digit(text[i + 1]) : -1;
		int low = high == -1 ? -1 : hex_digit(text[i + 2]);
		if (low != -1) {
			out[n++] = (unsigned char)(high << 4 | low);
			i += 2;
		} else {
			out[n++] =
			    text[i] == '_' ? ' ' : (unsigned char)text[i];
		}
	}
	return n;
}

static size_t
decode_b(const char *text, size_t len, unsigned char *out, size_t size)
{
	struct base64_decoder d = { 0 };
	char rest[BASE64_ROOM];
	size_t n;

	(void)base64_decode_lines(&d, text, len, out, size, &n);
	size_t more = base64_decode_end(&d, rest);
	memcpy(out + n, rest, more);
	return n + more;
}

/* NULs stand for nothing, and would end the text. */
static size_t
drop_nul(unsigned char *text, size_t len, const char *charset)
{
	size_t n = 0;

	if (strncasecmp(charset, "utf-16", 6) == 0 ||
	    strncasecmp(charset, "utf-32", 6) == 0 ||
	    strncasecmp(charset, "ucs", 3) == 0) {
		return len;
	}
	for (size_t i = 0; i < len; i++) {
		text[n] = text[i];
		n += text[i] != '\0';
	}
	return n;
}

static void
add_word(struct decoder *d, const struct word *w, const char *start)
{
	if (d->first != NULL && (strcasecmp(d->charset, w->charset) != 0 ||
				    w->len + 4 > JOINED - d->raw_len)) {
		put_words(d);
	}
	if (d->first == NULL) {
		d->first = start;
		memcpy(d->charset, w->charset, sizeof(d->charset));
	}
	d->last = w->end;
	unsigned char *raw = d->raw + d->raw_len;
	size_t n = w->base64 ? decode_b(w->text, w->len, raw, w->len + 4)
	                     : decode_q(w->text, w->len, raw);
	d->raw_len += drop_nul(raw, n, d->charset);
}

/* Behind what stands at p and is no encoded word. */
static const char *
plain_end(const char *p, const char *end)
{
	do {
		p++;
	} while (p < end && !is_space(*p) && *p != '=');
	return p;
}

static ssize_t
decode(const char *value, size_t len, bool phrase, char *out, size_t size)
{
	struct decoder d = { .out = out, .size = size, .phrase = phrase };
	const char *end = value + len;
	struct word w;

	while (value < end && is_space(*value)) {
		value++;
	}
	while (end > value && is_space(end[-1])) {
		end--;
	}
	for (const char *p = value, *next; p < end && !d.full; p = next) {
		const char *text = p;
		while (is_space(*text)) {
			text++;
		}
		bool word = read_word(text, end, &w);
		if (!word || d.first == NULL) {
			put_words(&d);
			put_plain(&d, p, (size_t)(text - p));
		}
		next = word ? w.end : plain_end(text, end);
		if (word) {
			add_word(&d, &w, text);
		} else {
			put_plain(&d, text, (size_t)(next - text));
		}
	}
	put_words(&d);
	if (d.full || size == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	out[d.len] = '\0';
	return (ssize_t)d.len;
}

ssize_t
word_decode(const char *value, size_t len, char *out, size_t size)
{
	return decode(value, len, false, out, size);
}

ssize_t
word_decode_phrase(const char *value, size_t len, char *out, size_t size)
{
	return decode(value, len, true, out, size);
}
