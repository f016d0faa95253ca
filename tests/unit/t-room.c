/* SPDX-License-Identifier: ISC */
/* Whose messages have to go when those of strangers hold too much. */
#include "common/server/room.h"

#include "tests/unit/tap.h"

#include <string.h>

enum { MOST = 8 };

/* A letter is a network; a capital: its session has been told already. */
static const struct {
	const char *test, *networks;
	uint64_t octets[MOST], cap;
	const char *left; /* of the networks, those who stay, in any order */
} cases[] = {
	{ "nobody", "", { 0 }, 0, "" },
	{ "within the cap", "ab", { 50, 50 }, 100, "ab" },
	{ "one octet beyond", "ab", { 50, 51 }, 100, "a" },
	{ "the larger of two", "ba", { 60, 50 }, 100, "a" },
	{ "only as many as need be", "abc", { 60, 50, 40 }, 100, "bc" },
	{ "a network that holds more, not the largest file", "aaab",
	    { 40, 40, 40, 50 }, 130, "aab" },
	{ "its largest file", "aab", { 10, 60, 40 }, 50, "ab" },
	{ "then who holds most of the rest", "aaabb", { 30, 30, 30, 35, 35 },
	    100, "aab" },
	{ "who has been told is not counted", "Aab", { 90, 50, 50 }, 100,
	    "ab" },
	{ "and not told again", "Aab", { 90, 60, 50 }, 100, "b" },
	{ "all of them, with no room at all", "abc", { 1, 1, 1 }, 0, "" },
	{ "who holds nothing is not told", "abb", { 0, 9, 0 }, 5, "ab" },
	{ "sums beyond 32 bits", "ab", { 5ULL << 32, 4ULL << 32 }, 8ULL << 32,
	    "b" },
};

static void
test_cases(void)
{
	static uint8_t networks[MOST][NETWORK_ADDRESS];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct room_file files[MOST] = { { .octets = 0 } };
		size_t n = strlen(cases[i].networks);
		unsigned staying = 0, expected = 0;
		for (size_t k = 0; k < n; k++) {
			char c = cases[i].networks[k];
			networks[k][NETWORK_ADDRESS - 1] = (uint8_t)(c | 0x20);
			files[k].network = networks[k];
			files[k].octets = cases[i].octets[k];
			files[k].goes = c < 'a';
		}
		room_choose(files, n, cases[i].cap);
		/* Eight of a letter at most: a sum of digits is a set. */
		for (size_t k = 0; k < n; k++) {
			unsigned place = files[k].network[15] - 'a';
			staying += files[k].goes ? 0 : 1U << 4 * place;
		}
		for (const char *p = cases[i].left; *p != '\0'; p++) {
			expected += 1U << 4 * (unsigned)(*p - 'a');
		}
		ok(staying == expected, "%s", cases[i].test);
	}
}

static const struct {
	const char *test;
	uint64_t unused, least, held, message, share;
} shares[] = {
	{ "half of what is free", 1000, 0, 0, 10, 500 },
	{ "above what must stay free", 1000, 200, 0, 10, 400 },
	{ "with what they hold", 600, 200, 400, 10, 400 },
	{ "room for a message all the same", 100, 90, 0, 50, 50 },
	{ "a full disk", 0, 200, 100, 50, 50 },
	{ "no limit for a message", 1000, 0, 0, 0, 500 },
};

int
main(void)
{
	test_cases();
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		ok(room_share(shares[i].unused, shares[i].least, shares[i].held,
		       shares[i].message) == shares[i].share,
		    "%s", shares[i].test);
	}
	return tap_done();
}
