/* SPDX-License-Identifier: ISC */
/*
 * DELIVERBY: what is to come back must not be tried when its time is over, and
 * what is late must be reported once.
 */
#include "smtpd/queue/by.h"

#include "tests/unit/tap.h"

enum { NOW = 1000000 };

static struct mail
mail(enum by_mode mode, time_t time)
{
	return (struct mail){ .sender = "a@example.org",
		.arrival = NOW - 500,
		.by = { mode, false, time } };
}

static void
test_times(void)
{
	static const struct {
		enum by_mode mode;
		int time; /* from now */
		bool over, late, early;
		int next; /* of a try at 100 */
	} cases[] = {
		{ BY_UNSAID, 0, false, false, false, 100 },
		{ BY_RETURN, 10, false, false, false, 10 },
		{ BY_RETURN, 200, false, false, false, 100 },
		{ BY_RETURN, 0, true, false, false, 100 },
		{ BY_RETURN, -10, true, false, false, 100 },
		{ BY_NOTIFY, 10, false, false, true, 10 },
		{ BY_NOTIFY, 0, false, true, false, 100 },
		{ BY_NOTIFY, -499, false, true, false, 100 },
		/* Late when it came: others have said so. */
		{ BY_NOTIFY, -500, false, false, false, 100 },
	};
	struct slot_state fresh = { .attempts = 1 };
	struct slot_state told = { .delay_notice = true };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail m = mail(cases[i].mode, NOW + cases[i].time);
		ok(by_is_over(&m, NOW) == cases[i].over, "over %zu", i);
		ok(by_is_late(&m, &fresh, NOW) == cases[i].late, "late %zu", i);
		ok(!by_is_late(&m, &told, NOW), "once %zu", i);
		ok(by_is_early(&m, NOW) == cases[i].early, "early %zu", i);
		ok(by_next(&m, NOW, NOW + 100) == NOW + cases[i].next,
		    "next try %zu", i);
	}
}

static void
test_until(void)
{
	struct mail m = mail(BY_RETURN, NOW);

	ok(by_until(&m, NOW + 1) == NOW, "given up at its time");
	ok(by_until(&m, NOW - 1) == NOW - 1, "or before that");
	m.by.mode = BY_NOTIFY;
	ok(by_until(&m, NOW + 1) == NOW + 1, "late mail is not given up");
}

static void
test_handed_on(void)
{
	struct mail m = mail(BY_NOTIFY, NOW);
	struct recipient r = { .notify = 0 };

	ok(by_is_handed_on(&m, &r, RELAYED_WITHOUT_BY), "to one without it");
	ok(!by_is_handed_on(&m, &r, RELAYED_WITHOUT_DSN), "to one with it");
	m.by.trace = true;
	ok(by_is_handed_on(&m, &r, 0), "traced");
	r.notify = NOTIFY_NEVER;
	ok(!by_is_handed_on(&m, &r, RELAYED_WITHOUT_BY), "not wanted");
	r.notify = NOTIFY_FAILURE;
	m.sender[0] = '\0';
	ok(!by_is_handed_on(&m, &r, RELAYED_WITHOUT_BY), "nobody to tell");
	m = mail(BY_UNSAID, 0);
	ok(!by_is_handed_on(&m, &r, RELAYED_WITHOUT_BY), "not asked for");
}

int
main(void)
{
	test_times();
	test_until();
	test_handed_on();
	return tap_done();
}
