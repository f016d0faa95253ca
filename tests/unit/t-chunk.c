/* SPDX-License-Identifier: ISC */
/*
 * BDAT's count.  One that wraps around, or that is read with a sign, leaves the
 * rest of a message to be obeyed as commands; and within chunks a dot must
 * neither go nor end anything.
 */
#include "smtpd/session/chunk.h"

#include "common/text/dotstuff.h"
#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *text;
	bool good;
	uint64_t size;
	bool last;
} cases[] = {
	{ "0", true, 0, false },
	{ "0 LAST", true, 0, true },
	{ "1", true, 1, false },
	{ "86 LAST", true, 86, true },
	{ "86 last", true, 86, true },
	{ "86\tLast", true, 86, true },
	{ "  86   LAST", true, 86, true },
	{ "00000000000000000086", true, 86, false },
	{ "2147483647", true, 2147483647u, false },
	{ "2147483648", true, 2147483648u, false },
	{ "4294967295 LAST", true, 4294967295u, true },
	{ "4294967296", true, 4294967296u, false },
	{ "4294967297", true, 4294967297u, false },
	{ "9223372036854775807", true, INT64_MAX, false },
	{ "9223372036854775808", true, (uint64_t)INT64_MAX + 1, false },
	{ "18446744073709551614", true, UINT64_MAX - 1, false },
	{ "18446744073709551615 LAST", true, UINT64_MAX, true },
	{ "18446744073709551616", false, 0, false },
	{ "18446744073709551617 LAST", false, 0, false },
	{ "18446744073709551626", false, 0, false },
	{ "36893488147419103232", false, 0, false },
	{ "99999999999999999999", false, 0, false },
	{ "000000000000000000001", false, 0, false },
	{ "100000000000000000000", false, 0, false },
	{ "", false, 0, false },
	{ " ", false, 0, false },
	{ "LAST", false, 0, false },
	{ "+5", false, 0, false },
	{ "-5", false, 0, false },
	{ "-1 LAST", false, 0, false },
	{ "5k", false, 0, false },
	{ "5LAST", false, 0, false },
	{ "0x10", false, 0, false },
	{ "5.0", false, 0, false },
	{ "5 5", false, 0, false },
	{ "5 FIRST", false, 0, false },
	{ "5 LASTS", false, 0, false },
	{ "5 LAST LAST", false, 0, false },
	{ "5\v", false, 0, false },
	{ "\xc2\xb2", false, 0, false },
};

static void
test_take(void)
{
	struct chunk c;

	ok(chunk_parse("4294967297", &c) && chunk_take(&c, 1) == 1 &&
		c.size == UINT64_C(4294967296) &&
		chunk_take(&c, 65536) == 65536 && c.size == 4294901760u,
	    "a chunk beyond 32 bits, in pieces");
	ok(chunk_parse("10", &c) && chunk_take(&c, 7) == 7 &&
		chunk_take(&c, 7) == 3 && c.size == 0 && chunk_take(&c, 7) == 0,
	    "what follows a chunk is not taken");
	ok(chunk_parse("18446744073709551615", &c) &&
		chunk_take(&c, SIZE_MAX) == SIZE_MAX && c.size == 0,
	    "all that 64 bits can count");
}

/* All of it, cut at each place. */
static void
test_text(void)
{
	static const char in[] = ".\r\n..\r\n.x\r\n\r\n.\r\nend\r\n";
	static const char want[] = ".\n..\n.x\n\n.\nend\n";
	bool good = true;

	for (size_t cut = 0; cut < sizeof(in); cut++) {
		struct dotstuff d = { .chunks = true };
		char out[sizeof(in) + 2];
		size_t n, more, rest = sizeof(in) - 1 - cut;
		good = good && dotstuff_decode(
				   &d, in, cut, out, sizeof(out), &n) == cut;
		good = good && dotstuff_decode(&d, in + cut, rest, out + n,
				   sizeof(out) - n, &more) == rest;
		good = good && n + more == sizeof(want) - 1 &&
		       memcmp(out, want, n + more) == 0 && !d.bare && !d.nul;
	}
	ok(good, "dots stay as they are");
}

int
main(void)
{
	struct chunk c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = chunk_parse(cases[i].text, &c);
		ok(good == cases[i].good &&
			(!good || (c.size == cases[i].size &&
				      c.last == cases[i].last)),
		    "BDAT \"%s\"", cases[i].text);
	}
	test_take();
	test_text();
	return tap_done();
}
