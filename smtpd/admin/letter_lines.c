/* SPDX-License-Identifier: ISC */
/* The lines of a letter, and their words.  Pure. */
#include "smtpd/admin/letter_private.h"

#include "common/text/utf8.h"

#include <stdarg.h>
#include <string.h>

/* Names come from strangers: what is no text that can be shown becomes "?". */
static void
clean(char *text)
{
	size_t len = strlen(text), used;
	char *to = text;

	for (const char *at = text; len > 0; at += used, len -= used) {
		int32_t c = utf8_next(at, len, &used);
		if (c == -1 || !utf8_is_text(c)) {
			*to++ = '?';
		} else {
			memmove(to, at, used);
			to += used;
		}
	}
	*to = '\0';
}

struct letter_line *
letter_add(struct letter *l, enum letter_kind kind, const char *label,
    const char *fmt, ...)
{
	struct letter_line *line = &l->lines[l->count];
	va_list ap;

	if (l->count == LETTER_LINES) {
		return NULL;
	}
	l->count++;
	line->kind = kind;
	strlcpy(line->label, label, sizeof(line->label));
	va_start(ap, fmt);
	vsnprintf(line->text, sizeof(line->text), fmt, ap);
	va_end(ap);
	clean(line->label);
	clean(line->text);
	return line;
}

void
letter_task(struct letter *l, bool urgent, const char *text)
{
	static const char type[] = "; type: ";
	const char *command = strstr(text, type);
	size_t n = command != NULL ? (size_t)(command - text) : strlen(text);
	size_t at = urgent ? l->urgent : l->ntasks;
	struct letter_task *t = &l->tasks[at];

	l->ntasks++;
	l->urgent += urgent;
	if (at >= LETTER_TASKS) {
		return;
	}
	memmove(t + 1, t, (LETTER_TASKS - 1 - at) * sizeof(*t));
	n = n < sizeof(t->text) ? n : sizeof(t->text) - 1;
	memcpy(t->text, text, n);
	t->text[n] = '\0';
	/* It is a sentence; but a path is a path. */
	if (t->text[0] >= 'a' && t->text[0] <= 'z') {
		t->text[0] = (char)(t->text[0] - 'a' + 'A');
	}
	strlcpy(t->command, command != NULL ? command + sizeof(type) - 1 : "",
	    sizeof(t->command));
	clean(t->text);
	clean(t->command);
}

void
letter_tell(void *letter, enum finding how, const char *text)
{
	if (how == FINDING_WARNING || how == FINDING_ERROR) {
		letter_task(letter, how == FINDING_ERROR, text);
	}
}

const char *
letter_number(uint64_t n, char text[LETTER_NUMBER])
{
	char digits[24];
	int len =
	    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	char *to = text;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0) {
			*to++ = ',';
		}
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *
letter_size(uint64_t octets, char text[LETTER_SIZE])
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB",
		"PB", "EB" };
	size_t unit = 0;
	double n = (double)octets;

	while (n >= 999.5) {
		n /= 1000;
		unit++;
	}
	snprintf(text, LETTER_SIZE,
	    unit > 0 && n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return text;
}

static struct tm
date_of(uint32_t day)
{
	time_t when = (time_t)day * (24 * 60 * 60);
	struct tm tm = { .tm_mday = 1 };

	(void)gmtime_r(&when, &tm);
	return tm;
}

const char *
letter_date(uint32_t day, enum letter_form form, char text[LETTER_DATE])
{
	struct tm tm = date_of(day);
	char weekday[16] = "", month[16] = "";

	if (form == LETTER_SHORT || form == LETTER_SMALL) {
		(void)strftime(weekday, sizeof(weekday), "%a", &tm);
		(void)strftime(month, sizeof(month), "%b", &tm);
	} else {
		(void)strftime(weekday, sizeof(weekday), "%A", &tm);
		(void)strftime(month, sizeof(month), "%B", &tm);
	}
	switch (form) {
	case LETTER_SHORT:
		snprintf(text, LETTER_DATE, "%s %2d", weekday, tm.tm_mday);
		break;
	case LETTER_SMALL:
		snprintf(text, LETTER_DATE, "%d %s", tm.tm_mday, month);
		break;
	case LETTER_WEEKDAY:
		snprintf(text, LETTER_DATE, "%s %d", weekday, tm.tm_mday);
		break;
	case LETTER_YEARLESS:
		snprintf(
		    text, LETTER_DATE, "%s %d %s", weekday, tm.tm_mday, month);
		break;
	case LETTER_FULL:
		snprintf(text, LETTER_DATE, "%s %d %s %d", weekday, tm.tm_mday,
		    month, tm.tm_year + 1900);
		break;
	}
	return text;
}

void
letter_period(const struct letter *l, char text[2 * LETTER_DATE + 16])
{
	uint32_t first = l->last - l->days + 1;
	struct tm a = date_of(first), b = date_of(l->last);
	char from[LETTER_DATE], to[LETTER_DATE];

	letter_date(first,
	    a.tm_year != b.tm_year ? LETTER_FULL
	    : a.tm_mon != b.tm_mon ? LETTER_YEARLESS
				   : LETTER_WEEKDAY,
	    from);
	snprintf(text, 2 * LETTER_DATE + 16, "%s to %s", from,
	    letter_date(l->last, LETTER_FULL, to));
}

static uint64_t
sum(const struct letter *l, uint32_t last, enum stats which)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < l->days && i < last; i++) {
		total += stats_on(&l->stats, last - i, which);
	}
	return total;
}

uint64_t
letter_sum(const struct letter *l, enum stats which)
{
	return sum(l, l->last, which);
}

uint64_t
letter_sum_before(const struct letter *l, enum stats which)
{
	return sum(l, l->last - l->days, which);
}

static void
count_tasks(const struct letter *l, bool first, char text[LETTER_LABEL])
{
	static const char *const words[] = { "no", "one", "two", "three",
		"four", "five", "six", "seven", "eight", "nine", "ten" };
	size_t n = l->ntasks;

	if (n < sizeof(words) / sizeof(words[0])) {
		snprintf(text, LETTER_LABEL, "%s thing%s to do", words[n],
		    n == 1 ? "" : "s");
	} else {
		snprintf(text, LETTER_LABEL, "%zu things to do", n);
	}
	text[0] =
	    first && text[0] >= 'a' ? (char)(text[0] - 'a' + 'A') : text[0];
}

void
letter_verdict(const struct letter *l, char text[LETTER_LABEL])
{
	char in[LETTER_NUMBER], out[LETTER_NUMBER];

	if (l->ntasks > 0) {
		count_tasks(l, false, text);
		return;
	}
	snprintf(text, LETTER_LABEL, "all well, %s in, %s out",
	    letter_number(letter_sum(l, STATS_DELIVERED), in),
	    letter_number(letter_sum(l, STATS_RELAYED), out));
}

void
letter_opening(const struct letter *l, char text[LETTER_TEXT])
{
	const char *unsure = l->unsure ? ", as far as could be seen" : "";
	char count[LETTER_LABEL];

	if (l->ntasks == 0 && !l->asked) {
		strlcpy(text, "Nothing here needs attention.", LETTER_TEXT);
		return;
	}
	if (l->ntasks == 0) {
		snprintf(text, LETTER_TEXT,
		    "All is well%s. There is nothing to do.", unsure);
		return;
	}
	count_tasks(l, true, count);
	snprintf(text, LETTER_TEXT, "%s.%s%s%s", count,
	    l->asked ? " Everything else is well" : "", l->asked ? unsure : "",
	    l->asked ? "." : "");
}

static uint64_t
highest(const struct letter *l, bool sent)
{
	uint64_t most = 1;

	for (size_t i = 0; i < l->count; i++) {
		const struct letter_line *line = &l->lines[i];
		uint64_t n = sent ? line->sent : line->received;
		if (line->kind == LETTER_DAY && n > most) {
			most = n;
		}
	}
	return most;
}

double
letter_whole(const struct letter *l, unsigned wide, unsigned narrow, bool sent)
{
	double a = (double)highest(l, false) / wide;
	double b = (double)highest(l, true) / narrow;

	return (a > b ? a : b) * (sent ? narrow : wide);
}
