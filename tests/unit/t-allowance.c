/* SPDX-License-Identifier: ISC */
/* What an account may send in an hour: never more in any sixty minutes. */
#include "smtpd/worker/allowance.h"

#include "tests/unit/tap.h"

enum { HOUR = 3600, START = 500000 * HOUR /* a full hour */ };

static const struct allowance ten = { .messages = 10, .recipients = 100 };
static const struct allowance any = { .messages = 0, .recipients = 0 };

/* How many messages of so many recipients fit in at that time. */
static unsigned
fill(struct table_entry *e, const struct allowance *a, uint32_t now,
    uint32_t recipients)
{
	unsigned n = 0;

	while (n < 1000 && allowance_fits(e, a, now, recipients)) {
		n++;
	}
	return n;
}

static void
test_counts(void)
{
	struct table_entry e = { .found = false };

	ok(fill(&e, &ten, START, 1) == 10, "ten messages and no more");
	ok(fill(&e, &ten, START + HOUR - 1, 1) == 0, "all hour long");
	ok(fill(&e, &ten, START + HOUR, 1) == 0, "nor when the clock strikes");
	ok(fill(&e, &ten, START + HOUR + HOUR / 2, 1) == 5,
	    "half an hour later, five");
	ok(fill(&e, &ten, START + 2 * HOUR - 1, 1) == 4,
	    "and what is missing, at the end of the hour");
	ok(fill(&e, &ten, START + 9 * HOUR, 1) == 10, "and all, hours later");
	e = (struct table_entry){ .found = false };
	ok(fill(&e, &ten, START, 30) == 3, "three messages to thirty");
	ok(fill(&e, &ten, START, 10) == 1 && fill(&e, &ten, START, 1) == 0,
	    "one more to the ten that are left");
	e = (struct table_entry){ .found = false };
	ok(fill(&e, &ten, START, 101) == 0 && fill(&e, &ten, START, 100) == 1,
	    "one that is too large takes nothing away");
	e = (struct table_entry){ .found = false };
	ok(fill(&e, &any, START, 100) == 1000, "no limit");
	ok(e.record.expires == START + 2 * HOUR,
	    "it is remembered as long as it counts");
}

/* Bursts at any time: no sixty minutes have more than the limit. */
static void
test_any_hour(void)
{
	enum { STEP = 60, STEPS = 300, IN_HOUR = HOUR / STEP };
	unsigned sent[STEPS], worst = 0;
	struct table_entry e = { .found = false };

	for (uint32_t i = 0; i < STEPS; i++) {
		bool burst = i % 7 == 0 || i % 53 < 5;
		sent[i] = burst ? fill(&e, &ten, START + i * STEP, 1) : 0;
	}
	for (int i = 0; i + IN_HOUR <= STEPS; i++) {
		unsigned n = 0;
		for (int k = i; k < i + IN_HOUR; k++) {
			n += sent[k];
		}
		worst = n > worst ? n : worst;
	}
	/* What is sent late in an hour weighs as if it were spread over it. */
	ok(worst >= 10 && worst < 20, "at most %u in an hour", worst);
}

static void
test_clock(void)
{
	struct table_entry e = { .found = false };

	fill(&e, &ten, START, 1);
	ok(fill(&e, &ten, START - 5 * HOUR, 1) == 0,
	    "a clock that is set back gives nothing");
	fill(&e, &ten, START, 1);
	e.record.values[1] = e.record.values[2] = UINT32_MAX;
	ok(allowance_fits(&e, &any, START, UINT32_MAX) &&
		e.record.values[1] == UINT32_MAX &&
		e.record.values[2] == UINT32_MAX &&
		fill(&e, &ten, START + HOUR, 1) == 0,
	    "numbers end at the largest");
}

int
main(void)
{
	test_counts();
	test_any_hour();
	test_clock();
	return tap_done();
}
