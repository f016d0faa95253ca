/* SPDX-License-Identifier: ISC */
/* How often a session that was taken over may guess, and how fast. */
#include "common/server/guess.h"

#include "tests/unit/tap.h"

static void
test_speed(void)
{
	struct guesses g[GUESS_KINDS] = { { .failed = 0 } };

	ok(guess_start(g, REQUEST_LOGIN, 5000) == 5000, "the first at once");
	guess_started(g, REQUEST_LOGIN, 5000);
	ok(guess_start(g, REQUEST_LOGIN, 5100) == 5100,
	    "after one that was right nobody waits");
	guess_failed(g, REQUEST_LOGIN);
	ok(guess_start(g, REQUEST_LOGIN, 5100) == 5000 + GUESS_EVERY,
	    "a second from the start of one that failed");
	ok(guess_start(g, REQUEST_PROOF, 5100) == 5100,
	    "a proof does not wait for a login: SCRAM needs both");
	ok(guess_start(g, REQUEST_DELIVER, 5100) == 5100 &&
		guess_start(g, REQUEST_SALT, 5100) == 5100,
	    "what is no guess never waits");
	ok(guess_start(g, REQUEST_LOGIN, 7000) == 7000, "then at once again");
}

static void
test_number(void)
{
	static const enum request_kind kinds[] = { REQUEST_LOGIN, REQUEST_PROOF,
		REQUEST_PASSWD };

	for (size_t k = 0; k < 3; k++) {
		struct guesses g[GUESS_KINDS] = { { .failed = 0 } };
		int most = 0;
		while (!guess_is_excess(g, kinds[k]) && most < 100) {
			guess_started(g, kinds[k], 1000 * most++);
			guess_failed(g, kinds[k]);
			guess_failed(g, REQUEST_RCPT);
		}
		ok(most == GUESS_MOST, "five of kind %u", kinds[k]);
		ok(!guess_is_excess(g, kinds[(k + 1) % 3]),
		    "which do not count for another kind");
		ok(!guess_is_excess(g, REQUEST_RCPT) &&
			!guess_is_excess(g, REQUEST_DELIVER),
		    "nor for what is no guess");
	}
}

int
main(void)
{
	test_speed();
	test_number();
	return tap_done();
}
