/* SPDX-License-Identifier: ISC */
/*
 * When mail is tried again and when it is given up.  A clock that jumps must
 * neither bounce a message nor put off its next try for years, and what failed
 * together must not come back together.
 */
#include "smtpd/queue/retry.h"

#include "tests/unit/tap.h"

enum { NOW = 1763800000, YEARS = 10 * 365 * 24 * 60 * 60 };

static const struct {
	unsigned attempts;
	time_t wait;
} backoff[] = {
	{ 0, 300 },
	{ 1, 300 },
	{ 2, 600 },
	{ 3, 1200 },
	{ 4, 2400 },
	{ 5, 4800 },
	{ 6, 9600 },
	{ 7, 14400 },
	{ 8, 14400 },
	{ 100, 14400 },
	{ 9999, 14400 },
};

static const struct {
	unsigned attempts;
	time_t wait;
} soon[] = {
	{ 0, 30 },
	{ 1, 30 },
	{ 2, 60 },
	{ 3, 120 },
	{ 4, 240 },
	{ 5, 480 },
	{ 6, 600 },
	{ 7, 600 },
	{ 9999, 600 },
};

static const uint32_t randoms[] = { 0, 1, 59, 60, 61, 2880, 2881, 1u << 31,
	UINT32_MAX };

static void
test_backoff(void)
{
	for (size_t i = 0; i < sizeof(backoff) / sizeof(backoff[0]); i++) {
		time_t wait = backoff[i].wait, most = 0;
		bool inside = true;
		for (size_t r = 0; r < sizeof(randoms) / sizeof(randoms[0]);
		     r++) {
			time_t got =
			    retry_next(NOW, backoff[i].attempts, randoms[r]) -
			    NOW;
			inside =
			    inside && got >= wait && got <= wait + wait / 5;
			most = got > most ? got : most;
		}
		ok(inside, "after try %u: %ld s and a fifth at most",
		    backoff[i].attempts, (long)wait);
		ok(retry_next(NOW, backoff[i].attempts, 0) == NOW + wait,
		    "after try %u: %ld s at least", backoff[i].attempts,
		    (long)wait);
		ok(retry_next(NOW, backoff[i].attempts, (uint32_t)(wait / 5)) ==
			NOW + wait + wait / 5,
		    "after try %u: the whole fifth is used",
		    backoff[i].attempts);
	}
}

static void
test_soon(void)
{
	for (size_t i = 0; i < sizeof(soon) / sizeof(soon[0]); i++) {
		time_t wait = soon[i].wait;
		ok(retry_soon(NOW, soon[i].attempts, 0) == NOW + wait &&
			retry_soon(NOW, soon[i].attempts,
			    (uint32_t)(wait / 5)) == NOW + wait + wait / 5,
		    "soon after try %u: %ld s and a fifth at most",
		    soon[i].attempts, (long)wait);
	}
}

static const struct {
	const char *name;
	time_t next;
	bool due;
} dues[] = {
	{ "never tried", 0, true },
	{ "a second ago", NOW - 1, true },
	{ "now", NOW, true },
	{ "in a second", NOW + 1, false },
	{ "in four hours and a fifth", NOW + 17280, false },
	{ "further away than any retry: the clock was set back", NOW + 17281,
	    true },
	{ "ten years away", (time_t)NOW + YEARS, true },
	{ "the end of ten digits", 9999999999, true },
};

static const struct {
	const char *name;
	time_t age;
	unsigned attempts;
	bool expired;
} lives[] = {
	{ "new", 0, 0, false },
	{ "old, never tried", RETRY_LIFE, 0, false },
	{ "old, tried seven times", RETRY_LIFE, 7, false },
	{ "old, tried eight times", RETRY_LIFE, 8, true },
	{ "a second younger", RETRY_LIFE - 1, 8, false },
	{ "young, tried very often", 3600, 9999, false },
	{ "clock ten years ahead, tried once", YEARS, 1, false },
	{ "clock set back ten years", -(time_t)YEARS, 9999, false },
};

static const struct {
	const char *name;
	time_t age;
	unsigned attempts;
	bool sent, due;
} notices[] = {
	{ "old enough", RETRY_NOTICE, 5, false, true },
	{ "once only", RETRY_NOTICE, 5, true, false },
	{ "a second too young", RETRY_NOTICE - 1, 5, false, false },
	{ "never tried", RETRY_NOTICE, 0, false, false },
	{ "clock set back", -(time_t)YEARS, 5, false, false },
};

int
main(void)
{
	test_backoff();
	test_soon();
	for (size_t i = 0; i < sizeof(dues) / sizeof(dues[0]); i++) {
		struct slot_state slot = { .next = dues[i].next };
		ok(retry_due(NOW, &slot) == dues[i].due, "due: %s",
		    dues[i].name);
	}
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct slot_state slot = { .attempts = lives[i].attempts };
		ok(retry_expired(NOW, NOW - lives[i].age, &slot) ==
			lives[i].expired,
		    "expired: %s", lives[i].name);
	}
	for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
		struct slot_state slot = { .attempts = notices[i].attempts,
			.delay_notice = notices[i].sent };
		ok(retry_notice_due(NOW, NOW - notices[i].age, &slot) ==
			notices[i].due,
		    "notice: %s", notices[i].name);
	}
	return tap_done();
}
