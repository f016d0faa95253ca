/* SPDX-License-Identifier: ISC */
/*
 * A letter as HTML that mail programs show: tables, colours as attributes and
 * styles of each element, no image, nothing from elsewhere.  Bars are cells of
 * fixed width, so that the rows fit on a phone.
 */
#include "smtpd/admin/letter_private.h"

#include <string.h>

#define INK "#1f2328"
#define MUTE "#59636e"
#define RECEIVED "#3b6ea5"
#define SENT "#8fb3d9"
#define REFUSED "#a9b1ba"
#define GOOD "#2d7d46"
#define BAD "#b3261e"
#define FACE "Helvetica,Arial,sans-serif"
#define FONT "font-family:" FACE
#define BREAK "overflow-wrap:anywhere;word-break:break-word"
#define COMMAND "<code style=\"white-space:nowrap\">"
#define TABLE "table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\""

/*
 * Of bars, and of the names before them, so that those of all tables begin at
 * one place where no name is longer than so many octets.
 */
enum { WIDE = 100, NARROW = 56, NAME = 170, SHORT = 32 };

void
letter_escape(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void
begin_cell(FILE *out, const char *colour, bool right, const char *more)
{
	fprintf(out,
	    "<td%s valign=\"top\" style=\"font:14px/20px " FACE
	    ";padding:2px 10px 2px 0;color:%s%s\">",
	    right ? " align=\"right\"" : "", colour, more);
}

static void
print_cell(FILE *out, const char *colour, bool right, const char *text)
{
	begin_cell(out, colour, right, right ? ";white-space:nowrap" : "");
	letter_escape(text, out);
	fputs("</td>", out);
}

static void
print_number(FILE *out, uint64_t n)
{
	char text[LETTER_NUMBER];

	print_cell(out, INK, true, letter_number(n, text));
}

static void
print_bar(
    FILE *out, uint64_t n, double whole, unsigned width, const char *colour)
{
	unsigned part =
	    whole < 1 ? 0 : (unsigned)((double)n * width / whole + 0.5);

	part = n > 0 && part == 0 ? 1 : part;
	fprintf(out,
	    "<td valign=\"top\" width=\"%u\" style=\"padding:7px 10px 0 0\">",
	    width + 10);
	if (part > 0) {
		/* The cells of mail programs have no other height. */
		fprintf(out,
		    "<" TABLE " width=\"%u\"><tr><td bgcolor=\"%s\" "
		    "style=\"font:1px/10px " FACE "\">&nbsp;</td></tr>"
		    "</table>",
		    part, colour);
	}
	fputs("</td>", out);
}

/* ---- rows ---- */

static void
print_mark(FILE *out, bool bad, bool unknown)
{
	begin_cell(out, bad ? BAD : unknown ? MUTE : GOOD, false, "");
	fputs(bad       ? "<b>!</b></td>"
	      : unknown ? "?</td>"
			: "&#10003;</td>",
	    out);
}

static void
print_tasks(const struct letter *l, FILE *out)
{
	size_t n = l->ntasks < LETTER_TASKS ? l->ntasks : LETTER_TASKS;

	fputs("<" TABLE ">\n", out);
	for (size_t i = 0; i < n; i++) {
		const struct letter_task *t = &l->tasks[i];
		fputs("<tr>", out);
		print_mark(out, true, false);
		begin_cell(out, INK, false, ";" BREAK);
		letter_escape(t->text, out);
		if (t->command[0] != '\0') {
			fputs("<br><code style=\"font-size:13px\">", out);
			letter_escape(t->command, out);
			fputs("</code>", out);
		}
		fputs("</td></tr>\n", out);
	}
	if (l->ntasks > n) {
		fputs("<tr>", out);
		print_mark(out, true, false);
		begin_cell(out, INK, false, "");
		fprintf(out,
		    "And %zu more:<br><code style=\"font-size:13px\">smtpd "
		    "--check</code></td></tr>\n",
		    l->ntasks - n);
	}
	fputs("</table>\n", out);
}

static void
print_head(const struct letter *l, const struct letter_line *line, FILE *out)
{
	fputs("<h2 style=\"" FONT ";font-size:16px;margin:24px 0 6px;color:" INK
	      "\">",
	    out);
	letter_escape(line->label, out);
	fputs("</h2>\n<" TABLE ">\n", out);
	if (line + 1 < l->lines + l->count && line[1].kind == LETTER_DAY) {
		fputs("<tr>", out);
		print_cell(out, MUTE, false, "");
		print_cell(out, MUTE, false, "received");
		print_cell(out, MUTE, false, "");
		print_cell(out, MUTE, false, "sent");
		fputs("</tr>\n", out);
	}
}

static void
print_day(const struct letter *l, const struct letter_line *line, FILE *out)
{
	bool bars = line->kind == LETTER_DAY;

	begin_cell(out, MUTE, false, ";white-space:nowrap");
	letter_escape(line->label, out);
	fputs("</td>", out);
	print_bar(out, bars ? line->received : 0,
	    letter_whole(l, WIDE, NARROW, false), WIDE, RECEIVED);
	print_number(out, line->received);
	print_bar(out, bars ? line->sent : 0,
	    letter_whole(l, WIDE, NARROW, true), NARROW, SENT);
	print_number(out, line->sent);
}

/* True if no name of the table that the line is in is long. */
static bool
names_are_short(const struct letter *l, const struct letter_line *line)
{
	while (line > l->lines && line[-1].kind == LETTER_COUNT) {
		line--;
	}
	for (; line < l->lines + l->count && line->kind == LETTER_COUNT;
	     line++) {
		if (strlen(line->label) > SHORT) {
			return false;
		}
	}
	return true;
}

static void
print_name(const struct letter *l, const struct letter_line *line, FILE *out)
{
	char width[24] = "";

	if (names_are_short(l, line)) {
		snprintf(width, sizeof(width), " width=\"%d\"", NAME);
	}
	fprintf(out,
	    "<td valign=\"top\"%s style=\"font:14px/20px " FACE
	    ";padding:2px 10px 2px 0;color:" INK ";" BREAK "\">",
	    width);
	letter_escape(line->label, out);
	fputs("</td>", out);
}

static void
print_row(const struct letter *l, const struct letter_line *line, FILE *out)
{
	switch (line->kind) {
	case LETTER_HEAD:
		return;
	case LETTER_DAY:
	case LETTER_WHOLE:
		print_day(l, line, out);
		break;
	case LETTER_COUNT:
		print_name(l, line, out);
		print_bar(
		    out, line->received, (double)line->sent, WIDE, REFUSED);
		print_cell(out, INK, true, line->text);
		break;
	case LETTER_FACT:
		print_mark(out, line->bad, line->unknown);
		print_cell(out, MUTE, false, line->label);
		begin_cell(out, INK, false, ";" BREAK);
		letter_escape(line->text, out);
		fputs("</td>", out);
		break;
	case LETTER_NOTE:
		print_cell(out, MUTE, false, line->text);
		break;
	}
}

static void
print_lines(const struct letter *l, FILE *out)
{
	bool open = false;

	for (size_t i = 0; i < l->count; i++) {
		const struct letter_line *line = &l->lines[i];
		if (line->kind == LETTER_HEAD) {
			fputs(open ? "</table>\n" : "", out);
			print_head(l, line, out);
			open = true;
			continue;
		}
		fputs("<tr>", out);
		print_row(l, line, out);
		fputs("</tr>\n", out);
	}
	fputs(open ? "</table>\n" : "", out);
}

void
letter_print_html(const struct letter *l, FILE *out)
{
	char period[2 * LETTER_DATE + 16], opening[LETTER_TEXT];

	letter_period(l, period);
	letter_opening(l, opening);
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
	      "charset=\"utf-8\"><meta name=\"viewport\" "
	      "content=\"width=device-width\"><title>",
	    out);
	letter_escape(l->config->hostname, out);
	fputs("</title></head>\n<body bgcolor=\"#ffffff\" "
	      "style=\"margin:0;padding:16px;background:#ffffff;color:" INK
	      "\">\n<" TABLE " width=\"100%\" style=\"max-width:600px\"><tr>"
	      "<td style=\"" FONT ";color:" INK "\">\n<h1 style=\"" FONT
	      ";font-size:20px;margin:0 0 2px;" BREAK "\">",
	    out);
	letter_escape(l->config->hostname, out);
	fprintf(out,
	    "</h1>\n<p style=\"font-size:14px;margin:0 0 12px;color:" MUTE
	    "\">%s</p>\n<p style=\"font-size:15px;line-height:22px;"
	    "margin:0 0 4px;color:%s\"><b>%s</b></p>\n",
	    period, l->ntasks > 0 ? BAD : GOOD, opening);
	if (l->ntasks > 0) {
		print_tasks(l, out);
	}
	print_lines(l, out);
	fprintf(out,
	    "<p style=\"font-size:12px;line-height:18px;color:" MUTE
	    ";margin:24px 0 0\">restante %s. This letter comes on Mondays; the "
	    "line " COMMAND
	    "letter off</code> in restante.conf ends it. Now: " COMMAND
	    "smtpd --stats</code>, " COMMAND "mailq</code>, " COMMAND
	    "smtpd --check</code>.</p>\n</td></tr></table>\n"
	    "</body></html>\n",
	    VERSION);
}
