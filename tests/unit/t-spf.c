/* SPDX-License-Identifier: ISC */
/*
 * SPF (RFC 7208) with small tables for the DNS; its suite is t_spf.py.  Above
 * all, that no answers keep it at work: its bounds hold.
 */
#include "common/auth/spf.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

struct zone {
	const char *name;
	enum ask_type type;
	const char *data; /* one record; of A four octets */
};

static const struct zone zone[] = {
	{ "a.test", ASK_TXT, "v=spf1 a -all" },
	{ "a.test", ASK_A, "\xc0\x00\x02\x01" },
	{ "soft.test", ASK_TXT, "v=spf1 ip4:192.0.2.0/25 ~all" },
	{ "mx.test", ASK_TXT, "V=SPF1 mx -all" },
	{ "mx.test", ASK_MX, "a.test" },
	{ "other.test", ASK_TXT, "v=spf10 all" },
	{ "bad.test", ASK_TXT, "v=spf1 all ip4:1.2.3" },
	{ "twice.test", ASK_TXT, "v=spf1 -all exp=a.test exp=a.test" },
	{ "include.test", ASK_TXT, "v=spf1 include:a.test ?all" },
	{ "empty.test", ASK_TXT, "v=spf1" },
	{ "redirect.test", ASK_TXT, "v=spf1 redirect=a.test" },
	{ "nowhere.test", ASK_TXT, "v=spf1 redirect=nothing.test" },
	{ "none.test", ASK_TXT, "v=spf1   -ALL " },
	{ "to-none.test", ASK_TXT, "v=spf1 redirect=none.test" },
	{ "loop.test", ASK_TXT, "v=spf1 include:loop.test -all" },
	{ "circle.test", ASK_TXT, "v=spf1 redirect=circle.test" },
	{ "void.test", ASK_TXT, "v=spf1 a:1.x a:2.x a:3.x +all" },
	{ "two.test", ASK_TXT, "v=spf1 a:1.x a:2.x +all" },
	{ "macro.test", ASK_TXT,
	    "v=spf1 exists:%{l1r-}.%{ir}.%{v}.%{d2}.test -all" },
	{ "strong.1.2.0.192.in-addr.macro.test.test", ASK_A, "xxxx" },
	{ "plus.test", ASK_TXT, "v=spf1 +ip4:192.0.2.1/33" },
	{ "zero.test", ASK_TXT, "v=spf1 ip4:0.0.0.0/0" },
	{ "lead.test", ASK_TXT, "v=spf1 a/024 -all" },
	{ "six.test", ASK_TXT, "v=spf1 ip6:::/0 -all" },
	{ "unknown.test", ASK_TXT, "v=spf1 moo=%{d} +all" },
	{ "unmacro.test", ASK_TXT, "v=spf1 moo=%{x} +all" },
	{ "exp.test", ASK_TXT, "v=spf1 -all exp=why.test" },
	{ "why.test", ASK_TXT, "%{c} is not %{o}'s" },
};

static const struct {
	const char *sender;
	enum spf_result result;
} table[] = {
	{ "x@a.test", SPF_PASS },
	{ "x@A.Test.", SPF_PASS },
	{ "", SPF_PASS }, /* the HELO name is a.test */
	{ "x@soft.test", SPF_PASS },
	{ "x@mx.test", SPF_PASS },
	{ "x@other.test", SPF_NONE },
	{ "x@nothing.test", SPF_NONE },
	{ "x@test", SPF_NONE },
	{ "x@a..test", SPF_NONE },
	{ "x@[192.0.2.1]", SPF_NONE },
	{ "x@bad.test", SPF_PERMERROR },
	{ "x@twice.test", SPF_PERMERROR },
	{ "x@include.test", SPF_PASS },
	{ "x@empty.test", SPF_NEUTRAL },
	{ "x@redirect.test", SPF_PASS },
	{ "x@nowhere.test", SPF_PERMERROR },
	{ "x@loop.test", SPF_PERMERROR },
	{ "x@circle.test", SPF_PERMERROR },
	{ "x@void.test", SPF_PERMERROR },
	{ "x@two.test", SPF_PASS },
	{ "strong-bad@macro.test", SPF_PASS },
	{ "strong@macro.test", SPF_PASS },
	{ "weak-bad@macro.test", SPF_FAIL },
	{ "x@plus.test", SPF_PERMERROR },
	{ "x@zero.test", SPF_PASS },
	{ "x@lead.test", SPF_PERMERROR },
	{ "x@six.test", SPF_FAIL },
	{ "x@unknown.test", SPF_PASS },
	{ "x@unmacro.test", SPF_PERMERROR },
	{ "x@exp.test", SPF_FAIL },
};

static struct ask_answer answer;
static struct spf spf;

static void
look_up(const struct ask *ask)
{
	bool exists = false;

	answer.n = 0;
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (strcmp(zone[i].name, ask->name) != 0) {
			continue;
		}
		exists = true;
		if (zone[i].type == ask->type) {
			answer.record[answer.n++] = (struct span){ zone[i].data,
				ask->type == ASK_A ? 4 : strlen(zone[i].data) };
		}
	}
	answer.status = answer.n > 0 ? ASK_OK
	                : exists     ? ASK_NO_DATA
	                             : ASK_NO_NAME;
}

static struct spf_question
question(const char *sender)
{
	return (struct spf_question){
		.address = { [10] = 0xff, 0xff, 192, 0, 2, 1 },
		.helo = "a.test",
		.sender = sender,
		.explain = true
	};
}

static void
test_table(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct spf_question q = question(table[i].sender);
		for (bool asks = spf_begin(&spf, &q); asks;
		     asks = spf_answer(&spf, &answer)) {
			look_up(&spf.ask);
		}
		ok(spf.result == table[i].result, "<%s> is %s: %s",
		    table[i].sender, spf_word(spf.result), spf.reason);
	}
	ok(strcmp(spf.explanation, "192.0.2.1 is not exp.test's") == 0,
	    "the explanation: %s", spf.explanation);
}

/* A domain that says with its own record that nobody sends for it. */
static void
test_denies_all(void)
{
	static const struct {
		const char *sender;
		bool denies;
	} senders[] = { { "x@none.test", true }, { "x@to-none.test", false },
		{ "x@exp.test", false }, { "x@a.test", false },
		{ "x@nothing.test", false } };

	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct spf_question q = question(senders[i].sender);
		for (bool asks = spf_begin(&spf, &q); asks;
		     asks = spf_answer(&spf, &answer)) {
			look_up(&spf.ask);
		}
		ok(spf_denies_all(&spf) == senders[i].denies, "%s denies %s",
		    senders[i].sender, senders[i].denies ? "all" : "some");
	}
}

/* Whatever is asked, the answer leads to more questions. */
static void
test_bounds(void)
{
	static const char text[] = "v=spf1 mx:a.x mx:b.x mx:c.x mx:d.x mx:e.x "
				   "mx:f.x mx:g.x mx:h.x mx:%{p}.x ptr "
				   "mx:k.x +all";
	static char host[10][8];
	struct spf_question q = question("x@y.test");
	unsigned asked = 0;

	for (bool asks = spf_begin(&spf, &q); asks && asked < 1000;
	     asks = spf_answer(&spf, &answer)) {
		asked++;
		answer.status = ASK_OK;
		answer.n = 10;
		for (int i = 0; i < 10; i++) {
			snprintf(host[i], sizeof(host[i]), "h%d.x", i);
			answer.record[i] =
			    (struct span){ host[i], strlen(host[i]) };
		}
		if (spf.ask.type == ASK_TXT) {
			answer.n = 1;
			answer.record[0] =
			    (struct span){ text, sizeof(text) - 1 };
		} else if (spf.ask.type == ASK_A) {
			answer.n = 1;
			answer.record[0] = (struct span){ "none", 4 };
		}
	}
	ok(asked > 100 && asked <= SPF_QUESTIONS && spf.result == SPF_PERMERROR,
	    "it ends after %u questions: %s", asked, spf.reason);
}

/* Trouble is no answer, wherever it comes. */
static void
test_trouble(void)
{
	static const char *const senders[] = { "x@a.test", "x@mx.test",
		"x@include.test", "x@macro.test", "x@redirect.test" };

	for (size_t i = 0; i < 5; i++) {
		struct spf_question q = question(senders[i]);
		for (unsigned bad = 0; bad < 2; bad++) {
			unsigned asked = 0;
			for (bool asks = spf_begin(&spf, &q); asks;
			     asks = spf_answer(&spf, &answer)) {
				look_up(&spf.ask);
				if (asked++ == bad) {
					answer.n = 0;
					answer.status = ASK_FAILED;
				}
			}
			ok(spf.result == SPF_TEMPERROR,
			    "%s without answer %u is %s", senders[i], bad,
			    spf_word(spf.result));
		}
	}
}

/* A record of any length that the DNS can carry is read or refused. */
static void
test_long(void)
{
	static char text[SPF_ARENA];
	struct spf_question q = question("x@long.test");

	for (size_t len = 60000; len <= 65535; len += 5535) {
		memset(text, ' ', sizeof(text));
		memcpy(text, "v=spf1", 6);
		memcpy(text + len - 4, "+all", 4);
		spf_begin(&spf, &q);
		answer.status = ASK_OK;
		answer.n = 1;
		answer.record[0] = (struct span){ text, len };
		ok(!spf_answer(&spf, &answer) && spf.result == SPF_PASS,
		    "a record of %zu octets", len);
	}
}

int
main(void)
{
	test_table();
	test_denies_all();
	test_bounds();
	test_trouble();
	test_long();
	return tap_done();
}
