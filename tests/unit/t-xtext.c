/* SPDX-License-Identifier: ISC */
/*
 * xtext comes from whoever talks to us, and its decoded form is written into
 * reports line by line: nothing in it may begin a line of its own, and what we
 * pass on must mean the same as what we got.
 */
#include "common/text/xtext.h"

#include "common/text/date.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text, *means; /* NULL: refused */
} cases[] = {
	{ "", "" },
	{ "QQ314159", "QQ314159" },
	{ "bob@example.org", "bob@example.org" },
	{ "a+2Bb@example.org", "a+b@example.org" },
	{ "a+2bb", "a+b" },
	{ "+3D+3d", "==" },
	{ "two+20words", "two words" },
	{ "!~", "!~" },
	{ "+C3+BC", "\303\274" },
	{ "+5C", "\\" },
	{ "+", NULL },
	{ "+2", NULL },
	{ "a+2", NULL },
	{ "+2G", NULL },
	{ "+G2", NULL },
	{ "+ 2", NULL },
	{ "+-1", NULL },
	{ "a=b", NULL },
	{ "a b", NULL },
	{ "a\tb", NULL },
	{ "a\r\nb", NULL },
	{ "\303\274", NULL },
	{ "\177", NULL },
	{ "+00", NULL },
	{ "a+0D+0Ab", NULL },
	{ "+0A", NULL },
	{ "+09", NULL },
	{ "+1F", NULL },
	{ "+7F", NULL },
};

static void
test_decode(void)
{
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *means = cases[i].means;
		ssize_t n = xtext_decode(
		    cases[i].text, strlen(cases[i].text), text, sizeof(text));
		ok(means == NULL ? n == -1
				 : n == (ssize_t)strlen(means) &&
				       strcmp(text, means) == 0,
		    "case %zu: %s", i, means == NULL ? "refused" : means);
	}
	ok(xtext_decode("a\0b", 3, text, sizeof(text)) == -1, "NUL is refused");
}

static void
test_room(void)
{
	char text[8];

	ok(xtext_decode("1234567", 7, text, 8) == 7, "what fits is decoded");
	ok(xtext_decode("12345678", 8, text, 8) == -1 &&
		xtext_decode("", 0, text, 0) == -1,
	    "what does not fit is not cut");
	ok(xtext_encode("1234567", 7, text, 8) == 7, "what fits is encoded");
	ok(xtext_encode("12345678", 8, text, 8) == -1 &&
		xtext_encode("12345+", 6, text, 8) == -1 &&
		xtext_encode("", 0, text, 0) == -1,
	    "what does not fit is not cut either");
	ok(xtext_encode("1234+", 5, text, 8) == 7 &&
		strcmp(text, "1234+2B") == 0,
	    "an escape fits to the octet");
}

static void
test_back(void)
{
	char text[256], there[XTEXT_SIZE(sizeof(text))], back[sizeof(text) + 1];
	bool good = true;

	for (int i = 0; i < 2000; i++) {
		size_t len = random_below(sizeof(text));
		for (size_t k = 0; k < len; k++) {
			char c = (char)random_below(256);
			text[k] = c == 0x7f || (c >= 0 && c < ' ') ? '+' : c;
		}
		ssize_t n = xtext_encode(text, len, there, sizeof(there));
		good = good && n >= 0 &&
		       xtext_decode(there, (size_t)n, back, sizeof(back)) ==
		           (ssize_t)len &&
		       memcmp(text, back, len) == 0;
	}
	ok(good, "2000 random texts come back as they were");
	ok(xtext_encode("\r\n", 2, there, sizeof(there)) == 6 &&
		strcmp(there, "+0D+0A") == 0,
	    "control characters can be written, though not read");
}

static void
test_date(void)
{
	static const struct {
		const char *zone, *text;
	} zones[] = {
		{ "UTC0", "Sun, 22 Nov 2026 09:05:07 +0000" },
		{ "XXX-5:45", "Sun, 22 Nov 2026 14:50:07 +0545" },
		{ "XXX3:30", "Sun, 22 Nov 2026 05:35:07 -0330" },
	};
	char text[DATE_SIZE];

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		setenv("TZ", zones[i].zone, 1);
		tzset();
		date_text(1795338307, text);
		ok(strcmp(text, zones[i].text) == 0, "a date: %s", text);
	}
}

int
main(void)
{
	test_decode();
	test_room();
	test_back();
	test_date();
	return tap_done();
}
