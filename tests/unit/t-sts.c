/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS (RFC 8461): records, policies, hosts, and what is remembered.  Guards
 * against a policy that is taken for a laxer one, and against a memory that
 * outlives it.
 */
#include "common/auth/sts.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

static struct span
span(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static const struct {
	const char *text;
	bool is; /* counts among the records of MTA-STS */
	const char *id;
} records[] = {
	{ "v=STSv1; id=20160831085700Z;", true, "20160831085700Z" },
	{ "v=STSv1;id=a", true, "a" },
	{ "v=STSv1; x=y; id=1", true, "1" },
	{ "v=STSv1; id=12345678901234567890123456789012", true,
	    "12345678901234567890123456789012" },
	{ "v=STSv1; id=123456789012345678901234567890123", true, NULL },
	{ "v=STSv1; id=", true, NULL },
	{ "v=STSv1; id=a b", true, NULL },
	{ "v=STSv1; id=a-b", true, NULL },
	{ "v=STSv1; id=\xc3\xa4", true, NULL },
	{ "v=STSv1;", true, NULL },
	{ "v=STSv1; id=1; id=2", true, NULL },
	{ "v=STSv1 ; id=1", false, NULL },
	{ "v=STSv2; id=1", false, NULL },
	{ "v=stsv1; id=1", false, NULL },
	{ "id=1; v=STSv1;", false, NULL },
	{ "v=STSv1", false, NULL },
	{ "", false, NULL },
};

static void
test_records(void)
{
	char id[STS_ID + 1];

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct span s = span(records[i].text);
		bool read = sts_record_read(s, id);
		ok(sts_record_is(s) == records[i].is &&
			read == (records[i].id != NULL) &&
			(!read || strcmp(id, records[i].id) == 0),
		    "record \"%s\"", records[i].text);
	}
}

#define HEAD "version: STSv1\nmode: enforce\n"
#define GOOD HEAD "mx: mx.example\nmax_age: 86400\n"

static const struct {
	const char *name, *text;
	bool good;
	enum sts_mode mode;
	uint32_t age;
	size_t hosts;
} policies[] = {
	{ "as in the RFC",
	    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
	    "mx: *.example.net\r\nmax_age: 604800\r\n",
	    true, STS_ENFORCE, 604800, 2 },
	{ "LF, no end of the last line",
	    "version: STSv1\nmode: testing\nmax_age: 1\nmx: a.example", true,
	    STS_TESTING, 1, 1 },
	{ "blanks",
	    "version :STSv1 \nmode:\tenforce\nmx:a.example\n"
	    "max_age:  5 \t\r\n\r\n",
	    true, STS_ENFORCE, 5, 1 },
	{ "none needs no host", "version: STSv1\nmode: none\nmax_age: 9\n",
	    true, STS_NONE, 9, 0 },
	{ "unknown keys", GOOD "x: y\nurl: https://a/b:c\n", true, STS_ENFORCE,
	    86400, 1 },
	{ "of doubles the first counts", GOOD "mode: none\nmax_age: 1\n", true,
	    STS_ENFORCE, 86400, 1 },
	{ "too long an age is cut",
	    HEAD "mx: a.example\nmax_age: 99999999999999999999\n", true,
	    STS_ENFORCE, STS_AGE, 1 },
	{ "enforce without a host", HEAD "max_age: 1\n", false, 0, 0, 0 },
	{ "testing without a host",
	    "version: STSv1\nmode: testing\nmax_age: 1\n", false, 0, 0, 0 },
	{ "no version", "mode: none\nmax_age: 1\n", false, 0, 0, 0 },
	{ "no mode", "version: STSv1\nmax_age: 1\nmx: a.example\n", false, 0, 0,
	    0 },
	{ "no age", HEAD "mx: a.example\n", false, 0, 0, 0 },
	{ "another version", "version: STSv2\nmode: none\nmax_age: 1\n", false,
	    0, 0, 0 },
	{ "another mode", "version: STSv1\nmode: strict\nmax_age: 1\n", false,
	    0, 0, 0 },
	{ "a mode in capitals", "version: STSv1\nmode: None\nmax_age: 1\n",
	    false, 0, 0, 0 },
	{ "an age that is no number",
	    "version: STSv1\nmode: none\nmax_age: -1\n", false, 0, 0, 0 },
	{ "an age with a unit", "version: STSv1\nmode: none\nmax_age: 1d\n",
	    false, 0, 0, 0 },
	{ "a line without a colon", GOOD "what\n", false, 0, 0, 0 },
	{ "a line without a key", GOOD ": what\n", false, 0, 0, 0 },
	{ "a host that is none", GOOD "mx: *\n", false, 0, 0, 0 },
	{ "an asterisk in the middle", GOOD "mx: a.*.example\n", false, 0, 0,
	    0 },
	{ "an address for a host", GOOD "mx: [192.0.2.1]\n", false, 0, 0, 0 },
	{ "no host", GOOD "mx:\n", false, 0, 0, 0 },
	{ "a page of HTML", "<html>\n<title>a: b</title>\n", false, 0, 0, 0 },
	{ "nothing", "", false, 0, 0, 0 },
};

static void
test_policies(void)
{
	struct sts_policy p;

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		bool good = sts_policy_read(span(policies[i].text), &p);
		ok(good == policies[i].good &&
			(!good || (p.mode == policies[i].mode &&
				      p.max_age == policies[i].age &&
				      p.count == policies[i].hosts)),
		    "policy: %s", policies[i].name);
	}
}

static void
test_limits(void)
{
	static char text[STS_TEXT + 64];
	struct sts_policy p;
	size_t n;

	for (int more = 0; more < 2; more++) {
		strcpy(text, HEAD "max_age: 1\n");
		for (int i = 0; i < STS_HOSTS + more; i++) {
			strcat(text, "mx: a.example\n");
		}
		ok(sts_policy_read(span(text), &p) == (more == 0), "%d hosts",
		    STS_HOSTS + more);
	}
	for (int more = 0; more < 2; more++) {
		strcpy(text, GOOD "x: ");
		n = strlen(text);
		memset(text + n, 'x', STS_TEXT + (size_t)more - n);
		text[STS_TEXT + more] = '\0';
		ok(sts_policy_read(span(text), &p) == (more == 0), "%d octets",
		    STS_TEXT + more);
	}
}

static const struct {
	const char *pattern, *host;
	bool matches;
} hosts[] = {
	{ "mx.example", "mx.example", true },
	{ "MX.Example", "mx.eXAMPLE", true },
	{ "mx.example", "mx2.example", false },
	{ "mx.example", "a.mx.example", false },
	{ "mx.example", "x.example", false },
	{ "*.example", "mx.example", true },
	{ "*.example", "a.b.example", false },
	{ "*.example", "example", false },
	{ "*.example", ".example", false },
	{ "*.b.example", "a.b.example", true },
	{ "*.example", "mxexample", false },
	{ "*.example", "", false },
};

static void
test_hosts(void)
{
	char text[128];
	struct sts_policy p;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(text, sizeof(text), HEAD "mx: %s\nmax_age: 1\n",
		    hosts[i].pattern);
		ok(sts_policy_read(span(text), &p) &&
			sts_policy_has(&p, hosts[i].host) == hosts[i].matches,
		    "%s for %s", hosts[i].pattern, hosts[i].host);
	}
}

static void
test_memory(void)
{
	struct sts_known k = { .id = "1a", .fetched = 1000, .retry = 7 }, back;
	char out[STS_FILE], small[16];

	k.policy = span(GOOD);
	size_t n = sts_known_write(&k, out, sizeof(out));
	ok(n > 0 && sts_known_read((struct span){ out, n }, &back) &&
		strcmp(back.id, "1a") == 0 && back.fetched == 1000 &&
		back.retry == 7 && back.policy.len == strlen(GOOD) &&
		memcmp(back.policy.at, GOOD, strlen(GOOD)) == 0,
	    "a policy is remembered");
	ok(sts_known_counts(&back, 1000) &&
		sts_known_counts(&back, 1000 + 86399) &&
		!sts_known_counts(&back, 1000 + 86400) &&
		!sts_known_counts(&back, 999),
	    "it counts for its age, and not before it came");
	ok(sts_known_write(&k, small, sizeof(small)) == 0, "no room");
	for (size_t i = 0; i < n - 1; i++) {
		struct sts_known torn;
		if (sts_known_read((struct span){ out, i }, &torn) &&
		    !(torn.id[0] == '\0' && torn.policy.len == 0) &&
		    torn.policy.len != strlen(GOOD) - 1 &&
		    torn.policy.len <
			strlen(HEAD "mx: mx.example\nmax_age: ")) {
			ok(false, "%zu octets of it", i);
		}
	}
	k = (struct sts_known){ .retry = 9 };
	n = sts_known_write(&k, out, sizeof(out));
	ok(n > 0 && sts_known_read((struct span){ out, n }, &back) &&
		back.id[0] == '\0' && back.retry == 9 &&
		!sts_known_counts(&back, 10),
	    "that there is none is remembered");
	static const char *const bad[] = { "", "id: 1\n", "id: 1\nfetched: x\n",
		"id: -\nfetched: 1\nretry: 1\n\n" GOOD,
		"id: 1\nfetched: 1\nretry: 1\n\nrubbish\n",
		"id: 1\nfetched: 1\nretry: 1\nmore: 1\n\n" GOOD,
		"id: \nfetched: 1\nretry: 1\n\n" GOOD,
		"id: 123456789012345678901234567890123\nfetched: 1\nretry: "
		"1\n\n" GOOD };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!sts_known_read(span(bad[i]), &back), "damaged: %zu", i);
	}
}

int
main(void)
{
	test_records();
	test_policies();
	test_limits();
	test_hosts();
	test_memory();
	return tap_done();
}
