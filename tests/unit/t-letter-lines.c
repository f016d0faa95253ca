/* SPDX-License-Identifier: ISC */
/*
 * The words of the weekly letter: what is urgent comes first, each task has its
 * command, names are text whatever they hold, periods and sizes are readable.
 */
#include "smtpd/admin/letter_private.h"

#include "tests/unit/tap.h"

#include <string.h>

enum { THURSDAY = 20783 }; /* 26 November 2026 */

static struct letter letter;

static void
is_string(const char *got, const char *want, const char *what)
{
	if (!ok(strcmp(got, want) == 0, "%s: %s", what, want)) {
		note("it is %s", got);
	}
}

static void
test_sizes(void)
{
	static const struct {
		uint64_t octets;
		const char *text;
	} rows[] = { { 0, "0 bytes" }, { 999, "999 bytes" }, { 1000, "1.0 kB" },
		{ 9949, "9.9 kB" }, { 9950, "10 kB" }, { 999499, "999 kB" },
		{ 999500, "1.0 MB" }, { 412000000, "412 MB" },
		{ UINT64_MAX, "18 EB" } };
	char text[LETTER_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		is_string(
		    letter_size(rows[i].octets, text), rows[i].text, "a size");
	}
}

static void
test_numbers(void)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = { { 0, "0" }, { 999, "999" }, { 1000, "1,000" },
		{ 12345, "12,345" }, { 123456, "123,456" },
		{ UINT64_MAX, "18,446,744,073,709,551,615" } };
	char text[LETTER_NUMBER];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		is_string(
		    letter_number(rows[i].n, text), rows[i].text, "a number");
	}
}

static void
test_bars(void)
{
	static struct letter l;

	ok(letter_whole(&l, 20, 10, false) > 0, "there is always a scale");
	l.count = 1;
	l.lines[0].kind = LETTER_DAY;
	l.lines[0].received = 40;
	l.lines[0].sent = 10;
	ok(letter_whole(&l, 20, 10, false) == 40, "the longest is as wide");
	ok(letter_whole(&l, 20, 10, true) == 20, "half of the width, half");
	l.lines[0].sent = 80;
	ok(letter_whole(&l, 20, 10, true) == 80, "the narrow ones fit, too");
	ok(letter_whole(&l, 20, 10, false) == 160, "and decide the scale");
}

static void
test_periods(void)
{
	char text[2 * LETTER_DATE + 16];

	letter.days = 7;
	letter.last = THURSDAY + 3;
	letter_period(&letter, text);
	is_string(text, "Monday 23 to Sunday 29 November 2026", "a month");
	letter.last += 7;
	letter_period(&letter, text);
	is_string(
	    text, "Monday 30 November to Sunday 6 December 2026", "two months");
	letter.last += 28;
	letter_period(&letter, text);
	is_string(text, "Monday 28 December 2026 to Sunday 3 January 2027",
	    "two years");
}

static void
test_tasks(void)
{
	char text[LETTER_TEXT], verdict[LETTER_LABEL];

	letter_verdict(&letter, verdict);
	is_string(verdict, "all well, 0 in, 0 out", "nothing to do");
	letter_task(&letter, false, "this is odd; see that");
	letter_task(&letter, true, "that is bad; type: rm -i x; ls");
	letter_verdict(&letter, verdict);
	is_string(verdict, "two things to do", "two");
	is_string(letter.tasks[0].text, "That is bad", "the bad one is first");
	is_string(letter.tasks[0].command, "rm -i x; ls", "its command");
	is_string(letter.tasks[1].text, "This is odd; see that", "the other");
	is_string(letter.tasks[1].command, "", "without a command");
	for (int i = 0; i < 20; i++) {
		letter_task(&letter, false, "more");
		letter_task(&letter, true, "bad");
	}
	letter.asked = true;
	letter_opening(&letter, text);
	is_string(text, "42 things to do. Everything else is well.", "many");
	letter.unsure = true;
	letter_opening(&letter, text);
	is_string(text,
	    "42 things to do. Everything else is well, as far as could be "
	    "seen.",
	    "what is unknown");
	is_string(letter.tasks[LETTER_TASKS - 1].text, "Bad", "bad ones stay");
}

static void
test_names(void)
{
	struct letter_line *line = letter_add(&letter, LETTER_COUNT,
	    "a\033[31m\n\xff\xe2\x80\xae\xe9\x82\xae", "%s", "\x7f<b>");

	is_string(line->label, "a?[31m???\xe9\x82\xae", "a name");
	is_string(line->text, "?<b>", "a text");
	while (letter_add(&letter, LETTER_NOTE, "", "x") != NULL) {
		continue;
	}
	ok(letter.count == LETTER_LINES, "no more than there is room for");
}

static void
test_disk(void)
{
	ok(letter_days_left(100, 100, 50, 10) == 0, "it does not grow");
	ok(letter_days_left(100, 90, 50, 10) == 0, "it shrinks");
	ok(letter_days_left(100, 200, 50, 10) == 5, "it is full in five days");
	ok(letter_days_left(1, UINT32_MAX, 0, 10) == 1, "it is full");
	ok(letter_days_left(1, 2, UINT64_MAX, 31) == 0, "some day");
}

int
main(void)
{
	test_sizes();
	test_numbers();
	test_bars();
	test_periods();
	test_tasks();
	test_names();
	test_disk();
	return tap_done();
}
