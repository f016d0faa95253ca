/* SPDX-License-Identifier: ISC */
/* A letter as plain text, at most 72 columns where names allow that. */
#include "smtpd/admin/letter_private.h"

#include "common/text/utf8.h"

#include <string.h>

enum { COLUMNS = 72, LABEL = 30, BAR = 20, SHORT = 10 };

/* How wide a text is: characters of East Asian scripts take two columns. */
static int
width_of(const char *text)
{
	size_t len = strlen(text), used;
	int width = 0;

	for (; len > 0; text += used, len -= used) {
		int32_t c = utf8_next(text, len, &used);
		width += c >= 0x1100 ? 2 : 1;
	}
	return width;
}

static void
print_padded(FILE *out, const char *text, int width)
{
	int w = width_of(text);

	fprintf(out, "%s%*s", text, w < width ? width - w : 0, "");
}

static void
print_bar(FILE *out, uint64_t n, double whole, int width)
{
	int marks = whole < 1 ? 0 : (int)((double)n * width / whole + 0.5);

	marks = n > 0 && marks == 0 ? 1 : marks;
	for (int i = 0; i < width; i++) {
		fputc(i < marks ? '#' : ' ', out);
	}
}

/* Breaks lines at blanks. */
static void
print_wrapped(FILE *out, const char *first, const char *next, const char *text)
{
	int column = width_of(first);

	fputs(first, out);
	for (bool any = false; *text != '\0'; any = true) {
		size_t n = strcspn(text, " ");
		char word[LETTER_TEXT];
		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		int wide = width_of(word);
		if (any && column + 1 + wide > COLUMNS) {
			fprintf(out, "\n%s", next);
			column = width_of(next);
		} else if (any) {
			fputc(' ', out);
			column++;
		}
		fputs(word, out);
		column += wide;
		text += n + (text[n] == ' ');
	}
	fputc('\n', out);
}

static void
print_tasks(const struct letter *l, FILE *out)
{
	size_t n = l->ntasks < LETTER_TASKS ? l->ntasks : LETTER_TASKS;

	for (size_t i = 0; i < n; i++) {
		fputc('\n', out);
		print_wrapped(out, "* ", "  ", l->tasks[i].text);
		if (l->tasks[i].command[0] != '\0') {
			fprintf(out, "      %s\n", l->tasks[i].command);
		}
	}
	if (l->ntasks > n) {
		fprintf(out, "\n* And %zu more:\n      smtpd --check\n",
		    l->ntasks - n);
	}
}

static void
print_head(const struct letter *l, const struct letter_line *line, FILE *out)
{
	fprintf(out, "\n%s\n", line->label);
	for (size_t i = 0; i < strlen(line->label); i++) {
		fputc('-', out);
	}
	fputc('\n', out);
	if (line + 1 < l->lines + l->count && line[1].kind == LETTER_DAY) {
		fprintf(out, "  %-11s %-*s            %s\n", "", BAR,
		    "received", "sent");
	}
}

static void
print_day(const struct letter *l, const struct letter_line *line, FILE *out)
{
	bool bars = line->kind == LETTER_DAY;
	char number[LETTER_NUMBER];

	fprintf(out, "  %-11s ", line->label);
	print_bar(out, bars ? line->received : 0,
	    letter_whole(l, BAR, SHORT, false), BAR);
	fprintf(out, " %9s  ", letter_number(line->received, number));
	print_bar(out, bars ? line->sent : 0, letter_whole(l, BAR, SHORT, true),
	    SHORT);
	fprintf(out, " %9s\n", letter_number(line->sent, number));
}

static void
print_count(const struct letter_line *line, FILE *out)
{
	fputs("  ", out);
	print_padded(out, line->label, LABEL);
	if (width_of(line->label) > LABEL) {
		fprintf(out, "\n  %*s", LABEL, "");
	}
	fputc(' ', out);
	print_bar(out, line->received, (double)line->sent, BAR);
	fprintf(out, " %s\n", line->text);
}

void
letter_print_text(const struct letter *l, FILE *out)
{
	char period[2 * LETTER_DATE + 16], opening[LETTER_TEXT];

	letter_period(l, period);
	letter_opening(l, opening);
	fprintf(out, "%s\n%s\n\n%s\n", l->config->hostname, period, opening);
	print_tasks(l, out);
	for (size_t i = 0; i < l->count; i++) {
		const struct letter_line *line = &l->lines[i];
		switch (line->kind) {
		case LETTER_HEAD:
			print_head(l, line, out);
			break;
		case LETTER_DAY:
		case LETTER_WHOLE:
			print_day(l, line, out);
			break;
		case LETTER_COUNT:
			print_count(line, out);
			break;
		case LETTER_FACT:
			fprintf(out, "%s %-12s %s\n",
			    line->bad       ? "!"
			    : line->unknown ? "?"
					    : " ",
			    line->label, line->text);
			break;
		case LETTER_NOTE:
			fprintf(out, "  %s\n", line->text);
			break;
		}
	}
	fprintf(out,
	    "\n-- \nrestante %s. This letter comes on Mondays; the line "
	    "\"letter off\" in\nrestante.conf ends it. Now: smtpd --stats, "
	    "mailq, smtpd --check.\n",
	    VERSION);
}
