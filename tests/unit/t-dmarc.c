/* SPDX-License-Identifier: ISC */
/*
 * DMARC (RFC 9989): records, the walk up the tree, alignment, and which policy
 * applies.  Trouble in asking is never a policy.
 */
#include "common/auth/dmarc.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text;
	int p, sp, np; /* -1: no record */
} records[] = {
	{ "v=DMARC1; p=reject", 2, 2, 2 },
	{ "v=DMARC1;p=quarantine;", 1, 1, 1 },
	{ "v=DMARC1; p=reject; sp=none", 2, 0, 0 },
	{ "v=DMARC1; p=reject; sp=quarantine; np=reject", 2, 1, 2 },
	{ "v=DMARC1", 0, 0, 0 },
	{ "v=DMARC1; P=reject", 0, 0, 0 },
	{ "v=DMARC1; p=REJECT", 2, 2, 2 },
	{ "v=DMARC1; x=y; p=none; = ; rf=;", 0, 0, 0 },
	{ "v = DMARC1 ; p = reject", 2, 2, 2 },
	{ "v=DMARC1; p=refuse", -1, 0, 0 },
	{ "v=DMARC1; p=refuse; rua=mailto:a@b", 0, 0, 0 },
	{ "v=DMARC1; p=reject; sp=x; rua=mailto:a@b", 0, 0, 0 },
	{ "v=DMARC1; p=reject; sp=x; rua=http://b", -1, 0, 0 },
	{ "v=dmarc1; p=reject", -1, 0, 0 },
	{ "v=DMARC12; p=reject", -1, 0, 0 },
	{ "p=reject; v=DMARC1", -1, 0, 0 },
	{ "", -1, 0, 0 },
};

static const struct {
	const char *name, *text;
} zone[] = {
	{ "_dmarc.a.example", "v=DMARC1; p=reject" },
	{ "_dmarc.s.example", "v=DMARC1; p=reject; adkim=s; aspf=s" },
	{ "_dmarc.t.example", "v=DMARC1; p=reject; sp=quarantine; t=y" },
	{ "_dmarc.np.example", "v=DMARC1; p=none; sp=quarantine; np=reject" },
	{ "there.np.example", "text" },
	{ "_dmarc.bank", "v=DMARC1; p=reject; psd=y; np=quarantine" },
	{ "_dmarc.own.bank", "v=DMARC1; p=none" },
	{ "_dmarc.dept.big.example", "v=DMARC1; p=quarantine; psd=n" },
	{ "_dmarc.big.example", "v=DMARC1; p=reject" },
	{ "_dmarc.two.example", "v=DMARC1; p=reject" },
	{ "_dmarc.two.example", "v=DMARC1; p=none" },
	{ "_dmarc.fail.example", "FAILED" },
	{ "_dmarc.sub.a.example", "v=DMARC1; p=none" },
	{ "_dmarc.pct.example", "v=DMARC1; p=quarantine; pct=0" },
};

static const struct {
	const char *author, *identifier;
	bool dkim;
	enum dmarc_result result;
	enum dmarc_policy published, apply;
	const char *domain;
} cases[] = {
	{ "a.example", "a.example", true, DMARC_PASS, 2, 2, "a.example" },
	{ "a.example", "x.a.example", false, DMARC_PASS, 2, 2, "a.example" },
	{ "x.a.example", "a.example", true, DMARC_PASS, 2, 2, "a.example" },
	{ "x.a.example", "y.a.example", true, DMARC_PASS, 2, 2, "a.example" },
	{ "a.example", "b.example", true, DMARC_FAIL, 2, 2, "a.example" },
	{ "a.example", "ba.example", true, DMARC_FAIL, 2, 2, "a.example" },
	{ "a.example", "example", true, DMARC_FAIL, 2, 2, "a.example" },
	{ "a.example", "", true, DMARC_FAIL, 2, 2, "a.example" },
	{ "s.example", "x.s.example", true, DMARC_FAIL, 2, 2, "s.example" },
	{ "s.example", "x.s.example", false, DMARC_FAIL, 2, 2, "s.example" },
	{ "s.example", "s.example", false, DMARC_PASS, 2, 2, "s.example" },
	{ "t.example", "", false, DMARC_FAIL, 2, 1, "t.example" },
	{ "x.t.example", "", false, DMARC_FAIL, 1, 0, "t.example" },
	{ "np.example", "", false, DMARC_FAIL, 0, 0, "np.example" },
	{ "there.np.example", "", false, DMARC_FAIL, 1, 1, "np.example" },
	{ "gone.np.example", "", false, DMARC_FAIL, 2, 2, "np.example" },
	{ "city.bank", "", false, DMARC_FAIL, 1, 1, "bank" },
	{ "city.bank", "x.city.bank", false, DMARC_PASS, 1, 1, "bank" },
	{ "city.bank", "town.bank", false, DMARC_FAIL, 1, 1, "bank" },
	{ "city.bank", "bank", false, DMARC_FAIL, 1, 1, "bank" },
	{ "own.bank", "", false, DMARC_FAIL, 0, 0, "own.bank" },
	{ "x.own.bank", "own.bank", false, DMARC_PASS, 0, 0, "own.bank" },
	{ "dept.big.example", "big.example", true, DMARC_FAIL, 1, 1,
	    "dept.big.example" },
	{ "x.dept.big.example", "dept.big.example", true, DMARC_PASS, 1, 1,
	    "dept.big.example" },
	{ "big.example", "dept.big.example", true, DMARC_FAIL, 2, 2,
	    "big.example" },
	{ "two.example", "", true, DMARC_NONE, 0, 0, "" },
	{ "fail.example", "", true, DMARC_TEMPERROR, 0, 0, "" },
	{ "x.fail.example", "x.fail.example", true, DMARC_TEMPERROR, 0, 0, "" },
	{ "none.example", "none.example", true, DMARC_NONE, 0, 0, "" },
	{ "sub.a.example", "", true, DMARC_FAIL, 0, 0, "sub.a.example" },
	{ "1.2.3.4.5.6.7.8.9.a.example", "a.example", true, DMARC_PASS, 2, 2,
	    "a.example" },
	{ "pct.example", "", true, DMARC_FAIL, 1, 0, "pct.example" },
	{ "localhost", "", true, DMARC_NONE, 0, 0, "" },
};

static struct ask_answer answer;
static struct dmarc dmarc;

static void
look_up(const char *name)
{
	bool exists = false;

	answer.n = 0;
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (strcmp(zone[i].name, name) == 0) {
			answer.record[answer.n++] =
			    (struct span){ zone[i].text, strlen(zone[i].text) };
		}
		exists = exists || ask_is_below(zone[i].name, name);
	}
	answer.status = answer.n > 0 ? ASK_OK
	                : exists     ? ASK_NO_DATA
	                             : ASK_NO_NAME;
	if (answer.n > 0 && strcmp(answer.record[0].at, "FAILED") == 0) {
		answer.n = 0;
		answer.status = ASK_FAILED;
	}
}

/* Runs it to its end; how many questions there were. */
static unsigned
run(const char *failing)
{
	struct ask asks[DMARC_STEPS];
	unsigned asked = 0;
	size_t n;

	while ((n = dmarc_next(&dmarc, asks)) > 0 && asked < 1000) {
		for (size_t i = 0; i < n; i++, asked++) {
			look_up(asks[i].name);
			if (failing != NULL &&
			    strcmp(failing, asks[i].name) == 0) {
				answer.n = 0;
				answer.status = ASK_FAILED;
			}
			dmarc_answer(&dmarc, asks[i].name, &answer);
		}
	}
	return asked;
}

static void
add(const char *domain, bool dkim)
{
	if (*domain != '\0') {
		struct dmarc_identifier *id =
		    &dmarc.identifier[dmarc.identifiers++];
		snprintf(id->domain, sizeof(id->domain), "%s", domain);
		id->dkim = dkim;
	}
}

static void
test_records(void)
{
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct dmarc_record r;
		bool is = dmarc_record_read(
		    (struct span){ records[i].text, strlen(records[i].text) },
		    &r);
		ok(is == (records[i].p != -1) &&
			(!is || ((int)r.p == records[i].p &&
				    (int)r.sp == records[i].sp &&
				    (int)r.np == records[i].np)),
		    "record: %s", records[i].text);
	}
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dmarc_begin(&dmarc, cases[i].author);
		add(cases[i].identifier, cases[i].dkim);
		unsigned asked = run(NULL);
		ok(dmarc.result == cases[i].result &&
			dmarc.published == cases[i].published &&
			dmarc.apply == cases[i].apply &&
			strcmp(dmarc.policy_domain, cases[i].domain) == 0,
		    "%s by %s: %s %s %s of %s, %u questions", cases[i].author,
		    cases[i].identifier, dmarc_word(dmarc.result),
		    dmarc_policy_word(dmarc.published),
		    dmarc_policy_word(dmarc.apply), dmarc.policy_domain, asked);
	}
}

/* Eight questions at most lead to a policy, whatever the author. */
static void
test_steps(void)
{
	char author[ASK_NAME] = "a.example";

	for (int i = 0; i < 120; i++) {
		memmove(author + 2, author, strlen(author) + 1);
		memcpy(author, "x.", 2);
	}
	dmarc_begin(&dmarc, author);
	unsigned asked = run(NULL);
	ok(asked <= DMARC_STEPS, "%u questions", asked);
}

static void
test_trouble(void)
{
	dmarc_begin(&dmarc, "x.a.example");
	run("_dmarc.a.example");
	ok(dmarc.result == DMARC_TEMPERROR && dmarc.apply == DMARC_NO_POLICY,
	    "no answer about a domain above is no policy");
	dmarc_begin(&dmarc, "a.example");
	add("y.a.example", true);
	run("_dmarc.y.a.example");
	ok(dmarc.result == DMARC_TEMPERROR,
	    "no answer about who vouches is no fail");
	dmarc_begin(&dmarc, "a.example");
	add("a.example", true);
	dmarc.identifier[0].trouble = true;
	run(NULL);
	ok(dmarc.result == DMARC_TEMPERROR, "nor is a key without an answer");
	dmarc_begin(&dmarc, "a.example");
	add("b.example", true);
	dmarc.identifier[0].trouble = true;
	run(NULL);
	ok(dmarc.result == DMARC_FAIL, "but that of somebody else is");
}

static void
test_list(void)
{
	dmarc_begin(&dmarc, "a.example");
	add("bounces.lists.test", false);
	snprintf(dmarc.list, sizeof(dmarc.list), "%s", "bounces.lists.test");
	run(NULL);
	ok(dmarc.result == DMARC_FAIL && dmarc.list_vouched,
	    "a list that is authenticated");
	dmarc_begin(&dmarc, "a.example");
	add("evil.test", false);
	snprintf(dmarc.list, sizeof(dmarc.list), "%s", "bounces.lists.test");
	run(NULL);
	ok(dmarc.result == DMARC_FAIL && !dmarc.list_vouched &&
		!dmarc.list_trouble,
	    "one that says so alone");
}

static const struct {
	const char *identifier;
	bool trouble;
	const char *failing; /* what has no answer */
	bool unsure;
} lists[] = {
	{ "x.lists.test", true, NULL, true },
	{ "lists.test", true, NULL, true },
	{ "y.test", true, NULL, false },
	{ "bounces.lists.test", false, "_dmarc.x.lists.test", true },
	{ "bounces.lists.test", false, "_dmarc.lists.test", true },
	{ "bounces.lists.test", true, "_dmarc.lists.test", true },
	{ "evil.test", false, "_dmarc.x.lists.test", false },
	{ "evil.test", true, "_dmarc.x.lists.test", false },
	{ "lists.test", false, "_dmarc.x.lists.test", false },
	{ "lists.example", false, "_dmarc.x.lists.test", false },
};

/* Trouble is no reason not to believe that a list is one. */
static void
test_list_trouble(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		dmarc_begin(&dmarc, "a.example");
		add(lists[i].identifier, true);
		dmarc.identifier[0].trouble = lists[i].trouble;
		snprintf(dmarc.list, sizeof(dmarc.list), "x.lists.test");
		run(lists[i].failing);
		ok(dmarc.result == DMARC_FAIL &&
			dmarc.list_trouble == lists[i].unsure,
		    "a list that %s may vouch for%s", lists[i].identifier,
		    lists[i].trouble ? ", which nobody can say" : "");
	}
}

/* A record as long as no answer: what is not linear in time takes hours. */
static void
test_long_records(void)
{
	static const char *const pieces[] = { ";", "mailto:", "rua=;" };
	static const char start[] = "v=DMARC1; p=x; rua=";
	enum { SIZE = 4 << 20 };
	char *text = malloc(SIZE);
	struct dmarc_record r;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t n = strlen(pieces[i]), at = strlen(start);
		memset(text, ' ', SIZE);
		memcpy(text, start, at);
		for (; at + n < SIZE / 2; at += n) {
			memcpy(text + at, pieces[i], n);
		}
		ok(!dmarc_record_read((struct span){ text, SIZE }, &r),
		    "a record of many %s", pieces[i]);
	}
	free(text);
}

int
main(void)
{
	test_records();
	test_long_records();
	test_cases();
	test_steps();
	test_trouble();
	test_list();
	test_list_trouble();
	return tap_done();
}
