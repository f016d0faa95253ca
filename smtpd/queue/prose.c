/* SPDX-License-Identifier: ISC */
/* Words of strangers in lines of our own. */
#include "smtpd/queue/prose.h"

#include "common/text/utf8.h"

#include <stdarg.h>
#include <string.h>

void
prose_line(struct prose *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(p->out, fmt, ap);
	va_end(ap);
	fputs(p->eol, p->out);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Writes a word, cleaned. */
static void
put(struct prose *p, const char *word, size_t len)
{
	for (size_t used; len > 0; word += used, len -= used) {
		int32_t c = utf8_next(word, len, &used);
		if (c != -1 && (!utf8_is_text(c) || (c > 0x7f && p->ascii))) {
			putc('?', p->out);
		} else if (c == -1) {
			fputs(p->ascii ? "?" : "\357\277\275", p->out);
			p->eight_bit = p->eight_bit || !p->ascii;
		} else {
			fwrite(word, 1, used, p->out);
			p->eight_bit = p->eight_bit || c > 0x7f;
		}
	}
}

/* The next word, or as much of it as one line takes. */
static size_t
word_length(const char *text, const char *end)
{
	size_t n = 0;

	while (text + n < end && n < PROSE_WORD && !blank(text[n])) {
		n++;
	}
	/* Not in the middle of a character. */
	for (int i = 0; n == PROSE_WORD && i < 3 && (text[n] & 0xc0) == 0x80;
	     i++) {
		n--;
	}
	return n;
}

static const char *
skip(const char *text, const char *end)
{
	while (text < end && blank(*text)) {
		text++;
	}
	return text;
}

/* Words up to end; a new line begins with so many blanks. */
static void
fill(struct prose *p, size_t column, size_t indent, const char *text,
    const char *end)
{
	size_t n;

	for (text = skip(text, end); text < end; text = skip(text + n, end)) {
		n = word_length(text, end);
		if (column > indent && column + 1 + n > PROSE_COLUMNS) {
			fprintf(p->out, "%s%*s", p->eol, (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putc(' ', p->out);
			column++;
		}
		put(p, text, n);
		column += n;
	}
}

static void
paragraph(struct prose *p, int indent, const char *text, size_t len)
{
	fprintf(p->out, "%*s", indent, "");
	fill(p, (size_t)indent, (size_t)indent, text, text + len);
	fputs(p->eol, p->out);
}

void
prose_wrap(struct prose *p, int indent, const char *text)
{
	paragraph(p, indent, text, strlen(text));
}

void
prose_reply(struct prose *p, int indent, const char *text)
{
	const char *bar;

	while ((bar = strstr(text, " / ")) != NULL) {
		paragraph(p, indent, text, (size_t)(bar - text));
		text = bar + 3;
	}
	prose_wrap(p, indent, text);
}

void
prose_field(
    struct prose *p, const char *name, const char *prefix, const char *text)
{
	size_t column = strlen(name) + 1;

	fprintf(p->out, "%s:", name);
	if (*prefix != '\0') {
		fprintf(p->out, " %s", prefix);
		column += 1 + strlen(prefix);
	}
	/* Folded lines begin with one blank, the one that was there. */
	fill(p, column, 1, text, text + strlen(text));
	fputs(p->eol, p->out);
}
