/* SPDX-License-Identifier: ISC */
/* Transfer encodings (RFC 2045 section 6): pure. */
#include "common/text/transfer.h"

#include "common/text/utf8.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {
	[TRANSFER_7BIT] = "7bit",
	[TRANSFER_8BIT] = "8bit",
	[TRANSFER_BINARY] = "binary",
	[TRANSFER_QP] = "quoted-printable",
	[TRANSFER_BASE64] = "base64",
	[TRANSFER_OTHER] = "",
};

const char *
transfer_name(enum transfer transfer)
{
	return names[transfer];
}

/* Behind blanks, folds and comments. */
static size_t
skip(const char *value, size_t len)
{
	size_t i = 0, depth = 0;

	for (; i < len; i++) {
		char c = value[i];
		depth += c == '(';
		if (depth == 0 && memchr(" \t\r\n", c, 4) == NULL) {
			break;
		}
		depth -= c == ')' && depth > 0;
		i += c == '\\' && depth > 0;
	}
	return i < len ? i : len;
}

/*
 * True for an encoding that sender and reader may have agreed on: RFC 2045
 * section 6.3 leaves them names that begin with "x-", and uuencode is older
 * than that.  No reader undoes anything else, be it a mistyped "8-bit" or
 * "quoted_printable", or a charset: such a body is what its octets are.
 */
static bool
is_private(const char *word, size_t len)
{
	return len >= 2 && (strncasecmp(word, "x-", 2) == 0 ||
			       strncasecmp(word, "uu", 2) == 0);
}

enum transfer
transfer_parse(const char *value, size_t len)
{
	size_t start = skip(value, len);
	size_t n = 0;

	while (start + n < len && value[start + n] > ' ' &&
	       memchr("();", value[start + n], 3) == NULL) {
		n++;
	}
	for (size_t i = 0; i < TRANSFER_OTHER; i++) {
		if (strlen(names[i]) == n &&
		    strncasecmp(names[i], value + start, n) == 0) {
			return (enum transfer)i;
		}
	}
	if (n == 0 && start == len) {
		return TRANSFER_7BIT;
	}
	return is_private(value + start, n) ? TRANSFER_OTHER : TRANSFER_8BIT;
}

/* ---- counting ---- */

/* An octet of a character beyond ASCII, or one that cuts such a one short. */
static void
count_utf8(struct transfer_count *t, unsigned char c)
{
	size_t used;

	if (t->utf8_len > 0 && (c & 0xc0) != 0x80) {
		t->no_utf8 = true;
		t->utf8_len = 0;
	}
	if (c < 0x80 || t->no_utf8) {
		return;
	}
	t->utf8[t->utf8_len++] = c;
	unsigned char first = t->utf8[0];
	unsigned whole = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (first < 0xc2 || first > 0xf4) {
		t->no_utf8 = true;
	} else if (t->utf8_len == whole) {
		t->no_utf8 = utf8_next((const char *)t->utf8, whole, &used) < 0;
		t->utf8_len = 0;
	}
}

static void
end_line(struct transfer_count *t, uint64_t end)
{
	if (t->line - end > t->longest) {
		t->longest = t->line - end;
	}
	t->line = 0;
}

/* An octet that is not just printable ASCII. */
static void
count_special(struct transfer_count *t, unsigned char c, unsigned char last)
{
	if (c >= 0x80) {
		t->eight_bit++;
	} else if (c == '\n') {
		bool crlf = last == '\r' && t->line > 1;
		unsigned char ahead = crlf ? t->before : last;
		t->crlf += crlf;
		t->lf += !crlf;
		t->bare_cr -= crlf;
		t->trailing +=
		    t->line > 1U + crlf && (ahead == ' ' || ahead == '\t');
		end_line(t, 1U + crlf);
	} else if (c == '\r') {
		t->bare_cr++; /* until a LF is seen */
	} else if (c == '\0') {
		t->nul++;
	} else {
		t->control += (c < ' ' && c != '\t') || c == 0x7f;
	}
	if (c >= 0x80 || t->utf8_len > 0) {
		count_utf8(t, c);
	}
}

void
transfer_count(struct transfer_count *t, const char *data, size_t len)
{
	t->octets += len;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		t->line++;
		t->equal += c == '=';
		if (c < ' ' || c >= 0x7f || t->utf8_len > 0) {
			count_special(t, c, t->last);
		}
		t->before = t->last;
		t->last = c;
	}
}

void
transfer_count_end(struct transfer_count *t)
{
	t->trailing += t->line > 0 && (t->last == ' ' || t->last == '\t');
	t->no_utf8 |= t->utf8_len > 0;
	end_line(t, 0);
}

const char *
transfer_charset(const struct transfer_count *t)
{
	return t->eight_bit == 0 ? "us-ascii"
	       : t->no_utf8      ? "unknown-8bit"
	                         : "utf-8";
}

enum transfer
transfer_best(const struct transfer_count *t, bool text, bool eight_bit)
{
	if (text && t->nul == 0 && t->bare_cr == 0 &&
	    t->longest <= TRANSFER_LINE && (t->eight_bit == 0 || eight_bit)) {
		return t->eight_bit == 0 ? TRANSFER_7BIT : TRANSFER_8BIT;
	}
	/* An encoded octet costs two more, each 73 a soft line break. */
	uint64_t encoded = t->eight_bit + t->control + t->nul + t->bare_cr +
	                   t->equal + t->trailing;
	encoded += text ? 0 : t->lf + 2 * t->crlf;
	uint64_t qp = t->octets + 2 * encoded;
	qp += qp / 73 * 3;
	return qp <= t->octets / 57 * 78 + 78 ? TRANSFER_QP : TRANSFER_BASE64;
}
