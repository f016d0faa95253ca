/* SPDX-License-Identifier: ISC */
/* Wraps words of strangers into lines of our own. */
#include "smtpd/queue/report/wrap_text.h"

#include "common/text/bytes.h"
#include "common/text/utf8.h"

#include <stdarg.h>
#include <string.h>

void
wrap_line(struct wrap *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(w->out, fmt, ap);
	va_end(ap);
	fputs(w->eol, w->out);
}

/* Writes a word, cleaned. */
static void
put_word(struct wrap *w, const char *word, size_t len)
{
	for (size_t used; len > 0; word += used, len -= used) {
		int32_t c = utf8_next(word, len, &used);
		if (c != -1 && (!utf8_is_text(c) || (c > 0x7f && w->ascii))) {
			putc('?', w->out);
		} else if (c == -1) {
			fputs(w->ascii ? "?" : "\357\277\275", w->out);
			w->eight_bit = w->eight_bit || !w->ascii;
		} else {
			fwrite(word, 1, used, w->out);
			w->eight_bit = w->eight_bit || c > 0x7f;
		}
	}
}

/* The next word, or as much of it as one line takes. */
static size_t
word_length(const char *text, const char *end)
{
	size_t n = 0;

	while (text + n < end && n < WRAP_WORD && !is_space(text[n])) {
		n++;
	}
	/* Not in the middle of a character. */
	for (int i = 0; n == WRAP_WORD && i < 3 && (text[n] & 0xc0) == 0x80;
	     i++) {
		n--;
	}
	return n;
}

static const char *
skip_blanks(const char *text, const char *end)
{
	while (text < end && is_space(*text)) {
		text++;
	}
	return text;
}

/* Writes the words up to end; new lines are indented. */
static void
wrap_words(struct wrap *w, size_t column, size_t indent, const char *text,
    const char *end)
{
	size_t n;

	for (text = skip_blanks(text, end); text < end;
	     text = skip_blanks(text + n, end)) {
		n = word_length(text, end);
		if (column > indent && column + 1 + n > WRAP_COLUMNS) {
			fprintf(w->out, "%s%*s", w->eol, (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putc(' ', w->out);
			column++;
		}
		put_word(w, text, n);
		column += n;
	}
}

static void
put_paragraph(struct wrap *w, int indent, const char *text, size_t len)
{
	fprintf(w->out, "%*s", indent, "");
	wrap_words(w, (size_t)indent, (size_t)indent, text, text + len);
	fputs(w->eol, w->out);
}

void
wrap_text(struct wrap *w, int indent, const char *text)
{
	put_paragraph(w, indent, text, strlen(text));
}

void
wrap_reply(struct wrap *w, int indent, const char *text)
{
	const char *bar;

	while ((bar = strstr(text, " / ")) != NULL) {
		put_paragraph(w, indent, text, (size_t)(bar - text));
		text = bar + 3;
	}
	wrap_text(w, indent, text);
}

void
wrap_field(
    struct wrap *w, const char *name, const char *prefix, const char *text)
{
	size_t column = strlen(name) + 1;

	fprintf(w->out, "%s:", name);
	if (*prefix != '\0') {
		fprintf(w->out, " %s", prefix);
		column += 1 + strlen(prefix);
	}
	/* Folded lines begin with one blank, the one that was there. */
	wrap_words(w, column, 1, text, text + strlen(text));
	fputs(w->eol, w->out);
}
