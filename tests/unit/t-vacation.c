/* SPDX-License-Identifier: ISC */
/*
 * The answer of a user who is away: its file, the days, and whom it has been
 * sent to.  Guards against a sender who is answered again and again, against a
 * day without end, and against a clock that was wrong for a while.
 */
#include "spool/vacation.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { A_DAY = 24 * 60 * 60 };

static const time_t start = 1900000000;

static void
test_text(void)
{
	static const struct {
		const char *text;
		bool good;
		const char *from, *until, *subject, *answer;
	} cases[] = {
		{ "\nx\n", true, "", "", "", "x\n" },
		{ "from 2031-01-02\nuntil 2031-02-28\nsubject a b\n\n\nx", true,
		    "2031-01-02", "2031-02-28", "a b", "\nx" },
		{ "\n", false, "", "", "", "" },
		{ "", false, "", "", "", "" },
		{ "x\n\nx", false, "", "", "", "" },
		{ "from 2031-01-02", false, "", "", "", "" },
		{ "from 2031-1-2\n\nx", false, "", "", "", "" },
		{ "from 2031-01-022\n\nx", false, "", "", "", "" },
		{ "until 2031-00-02\n\nx", false, "", "", "", "" },
		{ "subject a\tb\n\nx", false, "", "", "", "" },
	};
	static struct vacation v;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good =
		    vacation_parse(cases[i].text, strlen(cases[i].text), &v);
		ok(good == cases[i].good &&
			(!good ||
			    (strcmp(v.from, cases[i].from) == 0 &&
				strcmp(v.until, cases[i].until) == 0 &&
				strcmp(v.subject, cases[i].subject) == 0 &&
				strcmp(v.text, cases[i].answer) == 0)),
		    "text %zu", i);
	}
}

static void
test_days(void)
{
	static struct vacation v = { .from = "2031-01-02",
		.until = "2031-02-01" };

	ok(!vacation_is_on(&v, "2031-01-01"), "the day before");
	ok(vacation_is_on(&v, "2031-01-02"), "the first day");
	ok(vacation_is_on(&v, "2031-02-01"), "the last day");
	ok(!vacation_is_on(&v, "2031-02-02"), "the day after");
}

static void
test_senders(const char *folder)
{
	char name[32];
	unsigned answered = 0;

	ok(vacation_take(folder, "a@b.example", start) == VACATION_ANSWER,
	    "a sender is answered");
	ok(vacation_take(folder, "A@B.example", start + VACATION_AGAIN - 1) ==
		VACATION_ENOUGH,
	    "and not within a week, whatever the case");
	ok(vacation_take(folder, "a@b.example", start + VACATION_AGAIN) ==
		VACATION_ANSWER,
	    "and again after it");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%d@b.example", i);
		answered += vacation_take(folder, name,
				start + VACATION_AGAIN + 1) == VACATION_ANSWER;
	}
	ok(answered == VACATION_A_DAY - 1, "a day has so many answers");
	ok(vacation_take(folder, "x@b.example", start - A_DAY) ==
		VACATION_ANSWER,
	    "what lies in the future of a clock that was set back is past");
}

static void
test_oldest(const char *folder)
{
	char name[32];

	for (int i = 0; i < VACATION_SENDERS + 1; i++) {
		snprintf(name, sizeof(name), "v%d@b.example", i);
		(void)vacation_take(
		    folder, name, start + 20 * A_DAY + i * (A_DAY / 50));
	}
	ok(vacation_take(folder, name,
	       start + 20 * A_DAY + VACATION_SENDERS * (A_DAY / 50)) ==
		VACATION_ENOUGH,
	    "the last of very many senders is remembered");
}

int
main(void)
{
	char folder[] = "/tmp/t-vacation-XXXXXX", path[64];

	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	test_text();
	test_days();
	test_senders(folder);
	test_oldest(folder);
	snprintf(path, sizeof(path), "%s/vacation.seen", folder);
	(void)unlink(path);
	(void)rmdir(folder);
	return tap_done();
}
