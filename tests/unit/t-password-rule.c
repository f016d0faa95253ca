/* SPDX-License-Identifier: ISC */
/* New passwords: what guessers try first is refused, and nothing else. */
#include "common/login/password_rule.h"

#include "tests/unit/tap.h"

#include <string.h>

static const char *const names[] = { "alice", "mail.example.org", "example.org",
	"bo", NULL };

static const struct {
	const char *password, *part; /* of what is said; NULL: it is good */
} rows[] = {
	/* generated, passphrases, other alphabets */
	{ "k7wq-m2hx-9tdv-c4fz-p8ra", NULL },
	{ "kiln apron velvet owl", NULL },
	{ "soak password", NULL },
	{ "tr0ub4dor&3x", NULL },
	{ "0f3a9c21d47b", NULL },
	{ "8372a938a21b", NULL },
	{ "\xe6\x88\x91\xe4\xbb\xac\xe7\x9a\x84\xe9\x82\xae\xe4\xbb\xb6"
	  "\xe5\xbe\x88\xe5\xae\x89\xe5\x85\xa8\xe5\x90\x97\xef\xbc\x9f",
	    NULL },
	{ "alice and the looking glass", NULL },
	{ "bo8372bo9382", NULL },
	/* length */
	{ "", "short" },
	{ "x7Gq2", "short" },
	{ "k7wqm2hx9", "short" },
	{ "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4", "short" },
	/* one character */
	{ "aaaaaaaaaa", "over and over" },
	{ "          ", "over and over" },
	/* rows */
	{ "1234567890", "row" },
	{ "123456789012", "row" },
	{ "9876543210", "row" },
	{ "abcdefghijkl", "row" },
	{ "qwertyuiop", "row" },
	{ "QWERTYUIOP", "row" },
	{ "qwertzuiop", "row" },
	{ "azertyuiop", "row" },
	{ "1qaz2wsx3edc", "row" },
	{ "1q2w3e4r5t", "row" },
	{ "asdfasdfasdf", "row" },
	{ "1212121212", "row" },
	{ "123123123123", "row" },
	/* words */
	{ "password123", "first" },
	{ "Password2026!", "first" },
	{ "passwordpassword", "first" },
	{ "p-a-s-s-w-o-r-d", "first" },
	{ "changeme!!", "first" },
	{ "letmein2026", "first" },
	{ "administrator", "first" },
	/* names */
	{ "alicealice", "name" },
	{ "Alice-2026", "name" },
	{ "2026alice!", "name" },
	{ "example.org", "name" },
	{ "exampleorg1", "name" },
	{ "Example2026", "name" },
	{ "mail.example.org", "name" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *said =
		    password_weakness(rows[i].password, 10, names);
		ok(rows[i].part == NULL
			? said == NULL
			: said != NULL && strstr(said, rows[i].part) != NULL,
		    "\"%s\": %s", rows[i].password,
		    said == NULL ? "good" : said);
	}
	ok(password_weakness("x7Gq", 4, names) == NULL, "the minimum is set");
	static char longest[1024];
	memset(longest, 'x', sizeof(longest) - 2);
	ok(password_weakness(longest, 10, names) != NULL, "a long one");
	longest[sizeof(longest) - 2] = 'y';
	ok(password_weakness(longest, 10, names) == NULL, "another long one");
	static const struct {
		const char *password, *part;
	} forms[] = { { "caf\xc3\xa9 au lait", NULL }, { "", "empty" },
		{ "a\tb", "control" }, { "a\x7f", "control" },
		{ "\xe4", "UTF-8" }, { "a\xc3", "UTF-8" },
		{ "\xc2\x85", "control" }, { " blanks ", NULL } };
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *said = password_unusable(forms[i].password);
		ok(forms[i].part == NULL
			? said == NULL
			: said != NULL && strstr(said, forms[i].part) != NULL,
		    "form %zu: %s", i, said == NULL ? "good" : said);
	}
	return tap_done();
}
