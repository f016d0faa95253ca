/* SPDX-License-Identifier: ISC */
/*
 * The page: HTML with one style and drawings as SVG.  It loads nothing, so that
 * a web server may send it with "Content-Security-Policy: default-src 'none';
 * style-src 'unsafe-inline'".
 */
#include "smtpd/admin/letter_private.h"

#include <string.h>

/* Of the drawing, in its own units. */
enum { WIDTH = 520, LEFT = 56, TOP = 8, FOOT = 22, RIGHT = 6, STEPS = 5 };

static const char style[] =
    "<style>\n"
    ":root{--ink:#1f2328;--mute:#59636e;--line:#d8dee4;--bg:#fff;"
    "--in:#3b6ea5;--out:#8fb3d9;--ref:#a9b1ba;--ok:#2d7d46;--bad:#b3261e;"
    "color-scheme:light dark}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--mute:#9198a1;"
    "--line:#30363d;--bg:#0d1117;--in:#6ea8e6;--out:#35608f;--ref:#5b636d;"
    "--ok:#5bbf7a;--bad:#ff7b72}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);"
    "background:var(--bg);max-width:46rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}"
    "h2{font-size:1.1rem;margin:2rem 0 .3rem}.m{color:var(--mute)}"
    "p{margin:.2rem 0}.t{overflow-wrap:anywhere;padding-left:1.2em}"
    ".t::before{content:\"!\";float:left;margin-left:-1.2em;"
    "color:var(--bad);font-weight:bold}\n"
    "svg{width:100%;height:auto;display:block;margin-bottom:.5rem}"
    ".grid path{stroke:var(--line)}"
    "text{font:11px system-ui,sans-serif;fill:var(--mute)}\n"
    ".in{fill:var(--in);background:var(--in)}"
    ".out{fill:var(--out);background:var(--out)}"
    ".ref{fill:var(--ref);background:var(--ref)}"
    ".key i{display:inline-block;width:.7em;height:.7em;margin:0 .3em 0 1em}\n"
    "table{border-collapse:collapse;width:100%}"
    "td{padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:anywhere}"
    "td.n{text-align:right;white-space:nowrap;padding-right:0}"
    "td.b{width:45%}td.l{width:1%;white-space:nowrap}"
    "td.b i{display:block;height:.7em;margin-top:.45em}"
    ".ok{color:var(--ok)}.bad{color:var(--bad);font-weight:bold}"
    "code{font:.9em ui-monospace,monospace}\n"
    "@media(max-width:520px){text{font-size:16px}td.b{width:25%}}\n"
    "</style>";

/* ---- drawings ---- */

struct series {
	const char *class, *word;
	uint64_t n[LETTER_MONTH];
};

/* 1, 2 or 5 times a power of ten, so that there are few lines. */
static uint64_t
step_of(uint64_t most)
{
	uint64_t power = 1;

	while (most / STEPS >= power * 10) {
		power *= 10;
	}
	return most <= STEPS * power       ? power
	       : most <= 2 * STEPS * power ? 2 * power
	       : most <= 5 * STEPS * power ? 5 * power
	                                   : 10 * power;
}

static uint64_t
highest(const struct series *s, size_t count)
{
	uint64_t most = 1;

	for (size_t i = 0; i < LETTER_MONTH; i++) {
		uint64_t n = 0;
		for (size_t k = 0; k < count; k++) {
			n += s[k].n[i];
		}
		most = n > most ? n : most;
	}
	return most;
}

/* "12000" takes too much room. */
static const char *
short_number(uint64_t n, char text[24])
{
	if (n >= 1000000) {
		snprintf(text, 24, n % 1000000 == 0 ? "%.0fM" : "%.1fM",
		    (double)n / 1000000);
	} else if (n >= 10000) {
		snprintf(text, 24, "%lluk", (unsigned long long)(n / 1000));
	} else {
		snprintf(text, 24, "%llu", (unsigned long long)n);
	}
	return text;
}

static void
draw_day(const struct letter *l, const struct series *s, size_t count,
    size_t day, double scale, int height, FILE *out)
{
	const double wide = (double)(WIDTH - LEFT - RIGHT) / LETTER_MONTH;
	double x = LEFT + (double)day * wide, y = height - FOOT;
	uint32_t date = l->last - (LETTER_MONTH - 1) + (uint32_t)day;
	char text[LETTER_DATE], number[LETTER_NUMBER];

	for (size_t k = 0; k < count; k++) {
		double high = (double)s[k].n[day] * scale;
		y -= high;
		if (s[k].n[day] == 0) {
			continue;
		}
		fprintf(out,
		    "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" "
		    "width=\"%.1f\" height=\"%.1f\"><title>%s: %s %s"
		    "</title></rect>\n",
		    s[k].class, x + 1, y, wide - 2, high,
		    letter_date(date, LETTER_SMALL, text),
		    letter_number(s[k].n[day], number), s[k].word);
	}
	if (day % LETTER_WEEK == 2) {
		bool end = day + LETTER_WEEK > LETTER_MONTH;
		fprintf(out,
		    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
		    end ? WIDTH - RIGHT : x + wide / 2, height - 6,
		    end ? "end" : "middle",
		    letter_date(date, LETTER_SMALL, text));
	}
}

static void
draw(const struct letter *l, const char *title, const struct series *s,
    size_t count, int height, FILE *out)
{
	uint64_t most = highest(s, count), step = step_of(most);
	uint64_t lines = (most + step - 1) / step;
	double scale = (height - TOP - FOOT) / ((double)lines * (double)step);
	char text[24];

	fprintf(out,
	    "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">"
	    "<g class=\"grid\">\n",
	    WIDTH, height, title);
	for (uint64_t i = 0; i <= lines; i++) {
		double y = height - FOOT - (double)i * (double)step * scale;
		fprintf(out,
		    "<path d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
		    "text-anchor=\"end\">%s</text>\n",
		    LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4,
		    short_number(i * step, text));
	}
	fputs("</g>\n", out);
	for (size_t day = 0; day < LETTER_MONTH; day++) {
		draw_day(l, s, count, day, scale, height, out);
	}
	fputs("</svg>\n", out);
}

static void
draw_mail(const struct letter *l, FILE *out)
{
	uint64_t in = letter_sum(l, STATS_DELIVERED);
	uint64_t sent = letter_sum(l, STATS_RELAYED);
	char a[LETTER_NUMBER], b[LETTER_NUMBER];
	struct series s[] = { { .class = "in", .word = "received" },
		{ .class = "out", .word = "sent" } };

	for (uint32_t i = 0; i < LETTER_MONTH; i++) {
		uint32_t day = l->last - (LETTER_MONTH - 1) + i;
		s[0].n[i] = stats_on(&l->stats, day, STATS_DELIVERED);
		s[1].n[i] = stats_on(&l->stats, day, STATS_RELAYED);
	}
	fputs("<h2>Messages</h2>\n", out);
	if (in + sent == 0) {
		return; /* a note says so */
	}
	fprintf(out, "<p class=\"key m\">a day<i class=\"in\"></i>"
		     "received<i class=\"out\"></i>sent</p>\n");
	draw(l, "messages a day", s, 2, 150, out);
	fprintf(out, "<p class=\"m\">In %u days: %s received, %s sent</p>\n",
	    l->days, letter_number(in, a), letter_number(sent, b));
}

static void
draw_refusals(const struct letter *l, FILE *out)
{
	struct series s = { .class = "ref", .word = "refused" };
	uint64_t total = 0;

	for (uint32_t i = 0; i < LETTER_MONTH; i++) {
		s.n[i] = letter_refusals(l, l->last - (LETTER_MONTH - 1) + i);
		total += s.n[i];
	}
	if (total == 0) {
		return;
	}
	draw(l, "refused a day", &s, 1, 110, out);
}

/* ---- rows ---- */

static void
print_tasks(const struct letter *l, FILE *out)
{
	char opening[LETTER_TEXT];
	size_t n = l->ntasks < LETTER_TASKS ? l->ntasks : LETTER_TASKS;

	letter_opening(l, opening);
	fprintf(out, "<p class=\"%s\">%s</p>\n", l->ntasks > 0 ? "bad" : "ok",
	    opening);
	for (size_t i = 0; l->names && i < n; i++) {
		fputs("<p class=\"t\">", out);
		letter_escape(l->tasks[i].text, out);
		if (l->tasks[i].command[0] != '\0') {
			fputs("<br><code>", out);
			letter_escape(l->tasks[i].command, out);
			fputs("</code>", out);
		}
		fputs("</p>\n", out);
	}
}

static void
print_count(const struct letter_line *line, FILE *out)
{
	double part = line->sent == 0
	                  ? 0
	                  : (double)line->received * 100 / (double)line->sent;

	fputs("<tr><td>", out);
	letter_escape(line->label, out);
	fprintf(out,
	    "</td><td class=\"b\"><i class=\"ref\" style=\"width:%.0f%%\">"
	    "</i></td><td class=\"n\">",
	    part > 0 && part < 1 ? 1 : part);
	letter_escape(line->text, out);
	fputs("</td></tr>\n", out);
}

static void
print_fact(const struct letter_line *line, FILE *out)
{
	fprintf(out, "<tr><td class=\"l %s\">%s</td><td class=\"l m\">",
	    line->bad       ? "bad"
	    : line->unknown ? "m"
			    : "ok",
	    line->bad       ? "!"
	    : line->unknown ? "?"
			    : "&#10003;");
	letter_escape(line->label, out);
	fputs("</td><td>", out);
	letter_escape(line->text, out);
	fputs("</td></tr>\n", out);
}

static void
print_line(const struct letter *l, const struct letter_line *line, FILE *out)
{
	switch (line->kind) {
	case LETTER_HEAD:
		if (strcmp(line->label, "Messages") == 0) {
			break; /* drawn */
		}
		fputs("</table>\n<h2>", out);
		letter_escape(line->label, out);
		fputs("</h2>\n", out);
		if (strncmp(line->label, "Refused", 7) == 0) {
			draw_refusals(l, out);
		}
		fputs("<table>\n", out);
		break;
	case LETTER_DAY:
	case LETTER_WHOLE:
		break; /* drawn */
	case LETTER_COUNT:
		print_count(line, out);
		break;
	case LETTER_FACT:
		print_fact(line, out);
		break;
	case LETTER_NOTE:
		fputs("<tr><td class=\"m\">", out);
		letter_escape(line->text, out);
		fputs("</td></tr>\n", out);
		break;
	}
}

void
letter_print_page(const struct letter *l, FILE *out)
{
	char day[LETTER_DATE], hour[16] = "";
	struct tm tm;

	letter_date(l->today, LETTER_FULL, day);
	if (localtime_r(&l->now, &tm) != NULL) {
		(void)strftime(hour, sizeof(hour), ", %H:%M", &tm);
	}
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
	      "charset=\"utf-8\"><meta name=\"viewport\" "
	      "content=\"width=device-width\"><meta http-equiv=\"refresh\" "
	      "content=\"300\"><meta name=\"robots\" content=\"noindex\">"
	      "<title>",
	    out);
	letter_escape(l->config->hostname, out);
	fprintf(out, "</title>\n%s</head>\n<body>\n<h1>", style);
	letter_escape(l->config->hostname, out);
	fprintf(out, "</h1>\n<p class=\"m\">restante %s, %s%s</p>\n", VERSION,
	    day, hour);
	print_tasks(l, out);
	draw_mail(l, out);
	fputs("<table>\n", out);
	for (size_t i = 0; i < l->count; i++) {
		print_line(l, &l->lines[i], out);
	}
	fputs("</table>\n</body></html>\n", out);
}
