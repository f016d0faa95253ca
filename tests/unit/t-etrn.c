/* SPDX-License-Identifier: ISC */
/* ETRN: whose mail is meant; a suffix that is no subdomain is somebody else. */
#include "smtpd/job/requests.h"
#include "smtpd/worker/etrn.h"

#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *address, *domain;
	bool matches;
} cases[] = {
	{ "a@example.org", "example.org", true },
	{ "a@Example.ORG", "example.org", true },
	{ "a@example.org", "EXAMPLE.org", true },
	{ "\"a@b\"@example.org", "example.org", true },
	{ "a@sub.example.org", "example.org", false },
	{ "a@sub.example.org", "@example.org", true },
	{ "a@s.sub.example.org", "@example.org", true },
	{ "a@example.org", "@example.org", true },
	{ "a@badexample.org", "@example.org", false },
	{ "a@badexample.org", "example.org", false },
	{ "a@example.org.evil", "example.org", false },
	{ "a@org", "example.org", false },
	{ "example.org", "example.org", false },
	{ "", "example.org", false },
};

static const struct {
	const char *payload;
	size_t size;
	bool valid;
} payloads[] = {
	{ "example.org", 12, true },
	{ "@example.org", 13, true },
	{ "example.org", 11, false },
	{ "example.org\0x", 14, false },
	{ "", 1, false },
	{ "", 0, false },
	{ "@", 2, false },
	{ "@@a", 4, false },
	{ "#a", 3, false },
	{ "a b", 4, false },
	{ "a\n", 3, false },
	{ "../a", 5, false },
};

int
main(void)
{
	char text[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(etrn_matches(cases[i].address, cases[i].domain) ==
			cases[i].matches,
		    "<%s> for %s", cases[i].address, cases[i].domain);
	}
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		ok(etrn_valid(payloads[i].payload, payloads[i].size) ==
			payloads[i].valid,
		    "payload %zu", i);
	}
	memset(text, 'a', sizeof(text));
	for (size_t i = 60; i < sizeof(text); i += 60) {
		text[i] = '.';
	}
	text[255] = '\0';
	ok(etrn_valid(text, 256), "a name of 255");
	text[255] = 'a';
	text[256] = '\0';
	ok(!etrn_valid(text, 257), "a name of 256");
	return tap_done();
}
