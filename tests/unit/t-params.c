/* SPDX-License-Identifier: ISC */
/*
 * Parameters of MAIL and RCPT: a size that wraps around, or that takes a sign,
 * gets a message past the limit that it was announced for.
 */
#include "smtpd/session/params.h"

#include "tests/unit/tap.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { NOW = 1763780000 };

/* Reads parameters of MAIL where everything is offered. */
static enum params
read_mail(const char *text, struct mail *m)
{
	const struct params_rules all = {
		.now = NOW, .tls = true, .hold = true
	};
	bool binary;

	mail_init(m);
	return params_mail(text, &all, m, &binary);
}

static const struct {
	const char *text;
	enum params result;
	uint64_t size;
	bool eight_bit;
} mail[] = {
	{ "", PARAMS_OK, 0, false },
	{ " ", PARAMS_OK, 0, false },
	{ " \t ", PARAMS_OK, 0, false },
	{ " SIZE=0", PARAMS_OK, 0, false },
	{ " SIZE=1000", PARAMS_OK, 1000, false },
	{ "SIZE=1000", PARAMS_OK, 1000, false },
	{ " size=1000", PARAMS_OK, 1000, false },
	{ " SiZe=1000 ", PARAMS_OK, 1000, false },
	{ "\tSIZE=1000\t", PARAMS_OK, 1000, false },
	{ " SIZE=000000000000000001", PARAMS_OK, 1, false },
	{ " SIZE=4294967295", PARAMS_OK, 4294967295u, false },
	{ " SIZE=4294967296", PARAMS_OK, 4294967296u, false },
	{ " SIZE=4294967297", PARAMS_OK, 4294967297u, false },
	{ " SIZE=9223372036854775808", PARAMS_OK, 9223372036854775808u, false },
	{ " SIZE=18446744073709551614", PARAMS_OK, UINT64_MAX - 1, false },
	{ " SIZE=18446744073709551615", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=18446744073709551616", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=18446744073709551617", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=18446744073709551626", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=36893488147419103232", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=99999999999999999999", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=100000000000000000000", PARAMS_SYNTAX, 0, false },
	{ " SIZE=000000000000000000001", PARAMS_SYNTAX, 0, false },
	{ " SIZE", PARAMS_SYNTAX, 0, false },
	{ " SIZE=", PARAMS_SYNTAX, 0, false },
	{ " SIZE= 5", PARAMS_SYNTAX, 0, false },
	{ " SIZE =5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=+5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=-5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=-1", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5k", PARAMS_SYNTAX, 0, false },
	{ " SIZE=0x10", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5.0", PARAMS_SYNTAX, 0, false },
	{ " SIZE=1,000", PARAMS_SYNTAX, 0, false },
	{ " SIZE==5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5=", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5\xc2\xa0", PARAMS_SYNTAX, 0, false },
	{ " SIZE=\v5", PARAMS_SYNTAX, 0, false },
	{ " BODY=7BIT", PARAMS_OK, 0, false },
	{ " BODY=8BITMIME", PARAMS_OK, 0, true },
	{ " body=8bitmime", PARAMS_OK, 0, true },
	{ " BODY=8BITMIME SIZE=7", PARAMS_OK, 7, true },
	{ " SIZE=7 BODY=8BITMIME", PARAMS_OK, 7, true },
	{ " SIZE=7\tBODY=7bit", PARAMS_OK, 7, false },
	{ " BODY", PARAMS_SYNTAX, 0, false },
	{ " BODY=", PARAMS_SYNTAX, 0, false },
	{ " BODY=8BIT", PARAMS_SYNTAX, 0, false },
	{ " BODY=8BITMIMEX", PARAMS_SYNTAX, 0, false },
	{ " BODY=BINARYMIME", PARAMS_OK, 0, true },
	{ " body=binarymime SIZE=7", PARAMS_OK, 7, true },
	{ " BODY=BINARY", PARAMS_SYNTAX, 0, false },
	{ " BODY=7", PARAMS_SYNTAX, 0, false },
	{ " AUTH=<>", PARAMS_OK, 0, false },
	{ " AUTH=alice@example.org", PARAMS_OK, 0, false },
	{ " auth=e+3Dmc2@example.com", PARAMS_OK, 0, false },
	{ " AUTH=<> SIZE=5 BODY=8BITMIME", PARAMS_OK, 5, true },
	{ " AUTH=a=b", PARAMS_OK, 0, false },
	{ " AUTH", PARAMS_SYNTAX, 0, false },
	{ " AUTH=", PARAMS_SYNTAX, 0, false },
	{ " FOO", PARAMS_UNKNOWN, 0, false },
	{ " FOO=BAR", PARAMS_UNKNOWN, 0, false },
	{ " SIZES=5", PARAMS_UNKNOWN, 0, false },
	{ " SIZ=5", PARAMS_UNKNOWN, 0, false },
	{ " =5", PARAMS_UNKNOWN, 0, false },
	{ " =", PARAMS_UNKNOWN, 0, false },
	{ " SMTPUTF8", PARAMS_OK, 0, false },
	{ " smtputf8 SIZE=5 BODY=8BITMIME", PARAMS_OK, 5, true },
	{ " REQUIRETLS", PARAMS_OK, 0, false },
	{ " requiretls SIZE=5", PARAMS_OK, 5, false },
	{ " REQUIRETLS=yes", PARAMS_SYNTAX, 0, false },
	{ " SMTPUTF8=", PARAMS_SYNTAX, 0, false },
	{ " SMTPUTF8=yes", PARAMS_SYNTAX, 0, false },
	{ " SMTPUTF", PARAMS_UNKNOWN, 0, false },
	{ " RET=HDRS", PARAMS_OK, 0, false },
	{ " ret=full", PARAMS_OK, 0, false },
	{ " RET=BOTH", PARAMS_SYNTAX, 0, false },
	{ " RET", PARAMS_SYNTAX, 0, false },
	{ " RET=FULL RET=FULL", PARAMS_SYNTAX, 0, false },
	{ " ENVID=x", PARAMS_OK, 0, false },
	{ " ENVID=QQ314159+2B", PARAMS_OK, 0, false },
	{ " ENVID=", PARAMS_SYNTAX, 0, false },
	{ " ENVID", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a=b", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a+0Ab", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a+00", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a+7F", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a+4", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a+GG", PARAMS_SYNTAX, 0, false },
	{ " ENVID=a ENVID=b", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5 FOO", PARAMS_UNKNOWN, 0, false },
	{ " SIZE:5", PARAMS_UNKNOWN, 0, false },
	{ " SIZE\x01=5", PARAMS_UNKNOWN, 0, false },
};

static const struct {
	const char *text;
	enum params result;
	unsigned notify;
	const char *orcpt;
} rcpt[] = {
	{ "", PARAMS_OK, 0, "" },
	{ "  \t", PARAMS_OK, 0, "" },
	{ " NOTIFY=NEVER", PARAMS_OK, NOTIFY_NEVER, "" },
	{ " notify=never", PARAMS_OK, NOTIFY_NEVER, "" },
	{ " NOTIFY=SUCCESS", PARAMS_OK, NOTIFY_SUCCESS, "" },
	{ " NOTIFY=FAILURE,DELAY", PARAMS_OK, NOTIFY_FAILURE | NOTIFY_DELAY,
	    "" },
	{ " NOTIFY=DELAY,SUCCESS,FAILURE", PARAMS_OK,
	    NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, "" },
	{ " NOTIFY=NEVER,FAILURE", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=FAILURE,NEVER", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=,", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=FAILURE,", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=,FAILURE", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=ALWAYS", PARAMS_SYNTAX, 0, "" },
	{ " NOTIFY=DELAY NOTIFY=DELAY", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rfc822;a@b", PARAMS_OK, 0, "rfc822;a@b" },
	{ " orcpt=RFC822;a+2Bc@b", PARAMS_OK, 0, "RFC822;a+2Bc@b" },
	{ " ORCPT=x400;/c=x/", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=x-my-type;anything", PARAMS_OK, 0, "x-my-type;anything" },
	{ " ORCPT=rfc822;", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=;a@b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=a@b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rfc822;a+0D+0Ab", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rfc822;a+00", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rf>c;a@b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rfc822;a ORCPT=rfc822;b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rfc822;a@b NOTIFY=DELAY", PARAMS_OK, NOTIFY_DELAY,
	    "rfc822;a@b" },
	{ " ORCPT=utf-8;j\\x{F6}rg@b", PARAMS_OK, 0, "utf-8;j\\x{F6}rg@b" },
	{ " ORCPT=utf-8;j\303\266rg@b", PARAMS_OK, 0, "utf-8;j\\x{F6}rg@b" },
	{ " ORCPT=UTF-8;\360\237\230\200@\342\202\254", PARAMS_OK, 0,
	    "UTF-8;\\x{1F600}@\\x{20AC}" },
	{ " ORCPT=utf-8;j\303rg@b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=utf-8;j\302\205rg@b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=utf-8;j\x7frg@b", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=utf-8;", PARAMS_SYNTAX, 0, "" },
	{ " ORCPT=rfc822;j\303\266rg@b", PARAMS_SYNTAX, 0, "" },
	{ " SIZE=5", PARAMS_UNKNOWN, 0, "" },
	{ " x", PARAMS_UNKNOWN, 0, "" },
};

/* As long as they may be, and one longer. */
static void
test_long(void)
{
	char text[MAIL_ORCPT + 64];
	char orcpt[MAIL_ORCPT + 1];
	struct recipient r;
	struct mail m;

	for (size_t more = 0; more < 2; more++) {
		size_t n = (size_t)snprintf(text, sizeof(text), " ENVID=");
		memset(text + n, 'a', MAIL_ENVID + more);
		text[n + MAIL_ENVID + more] = '\0';
		ok(read_mail(text, &m) ==
			(more == 0 ? PARAMS_OK : PARAMS_SYNTAX),
		    "ENVID of %zu", MAIL_ENVID + more);
		n = (size_t)snprintf(text, sizeof(text), " ORCPT=rfc822;");
		size_t rest = MAIL_ORCPT - strlen("rfc822;") + more;
		memset(text + n, 'a', rest);
		text[n + rest] = '\0';
		ok(params_rcpt(text, &r, orcpt, NULL) ==
			(more == 0 ? PARAMS_OK : PARAMS_SYNTAX),
		    "ORCPT of %zu", MAIL_ORCPT + more);
	}
}

static const struct {
	const char *text;
	enum params result;
	time_t hold;
} hold[] = {
	{ " HOLDFOR=1", PARAMS_OK, NOW + 1 },
	{ " holdfor=3600 SIZE=5", PARAMS_OK, NOW + 3600 },
	{ " HOLDFOR=2592000", PARAMS_OK, NOW + 2592000 },
	{ " HOLDFOR=2592001", PARAMS_HOLD, 0 },
	{ " HOLDFOR=999999999", PARAMS_HOLD, 0 },
	{ " HOLDFOR=1000000000", PARAMS_SYNTAX, 0 },
	{ " HOLDFOR=0", PARAMS_SYNTAX, 0 },
	{ " HOLDFOR=-1", PARAMS_SYNTAX, 0 },
	{ " HOLDFOR=", PARAMS_SYNTAX, 0 },
	{ " HOLDFOR", PARAMS_SYNTAX, 0 },
	{ " HOLDFOR=1 HOLDFOR=1", PARAMS_SYNTAX, 0 },
	{ " HOLDUNTIL=2025-11-22T03:33:20Z", PARAMS_OK, 1763782400 },
	{ " HOLDUNTIL=2025-11-22T04:33:20+01:00", PARAMS_OK, 1763782400 },
	{ " HOLDUNTIL=2025-11-22T02:53:20Z", PARAMS_OK, 0 },
	{ " HOLDUNTIL=2025-11-22T02:53:21Z", PARAMS_OK, NOW + 1 },
	{ " HOLDUNTIL=1999-11-22T02:53:20Z", PARAMS_OK, 0 },
	{ " HOLDUNTIL=2025-12-22T02:53:20Z", PARAMS_OK, NOW + 2592000 },
	{ " HOLDUNTIL=2025-12-22T02:53:21Z", PARAMS_HOLD, 0 },
	{ " HOLDUNTIL=2025-11-22", PARAMS_SYNTAX, 0 },
	{ " HOLDUNTIL=1763782400", PARAMS_SYNTAX, 0 },
	{ " HOLDUNTIL=", PARAMS_SYNTAX, 0 },
	{ " HOLDUNTIL", PARAMS_SYNTAX, 0 },
	{ " HOLDFOR=1 HOLDUNTIL=2025-11-22T03:33:20Z", PARAMS_SYNTAX, 0 },
	{ " HOLDUNTIL=2025-11-22T03:33:20Z HOLDFOR=1", PARAMS_SYNTAX, 0 },
	{ " HOLDUNTIL=1999-11-22T03:33:20Z HOLDFOR=1", PARAMS_SYNTAX, 0 },
};

static void
test_hold(void)
{
	struct mail p;

	for (size_t i = 0; i < sizeof(hold) / sizeof(hold[0]); i++) {
		enum params result = read_mail(hold[i].text, &p);
		ok(result == hold[i].result &&
			(result != PARAMS_OK || p.hold == hold[i].hold),
		    "MAIL: \"%s\"", hold[i].text);
	}
}

/* What EHLO did not offer is not known. */
static void
test_offers(void)
{
	const struct params_rules none = { .now = NOW };
	const char *const texts[] = { " REQUIRETLS", " HOLDFOR=1",
		" HOLDUNTIL=2025-11-22T03:33:20Z", " SIZE=1 HOLDFOR=x" };
	struct mail m;
	bool binary;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		mail_init(&m);
		ok(params_mail(texts[i], &none, &m, &binary) ==
			    PARAMS_UNKNOWN &&
			!m.need_tls && m.hold == 0,
		    "MAIL, not offered: \"%s\"", texts[i]);
	}
	ok(params_mail(" BODY=BINARYMIME", &none, &m, &binary) == PARAMS_OK &&
		binary && m.eight_bit,
	    "BINARYMIME is known to be binary");
	ok(params_mail(" BODY=8BITMIME", &none, &m, &binary) == PARAMS_OK &&
		!binary && m.eight_bit,
	    "8BITMIME is not");
}

static const struct {
	const char *text;
	enum params result;
	struct deliver_by by;
} times[] = {
	{ " BY=120;R", PARAMS_OK, { BY_RETURN, false, NOW + 120 } },
	{ " by=+120;rt SIZE=5", PARAMS_OK, { BY_RETURN, true, NOW + 120 } },
	{ " BY=60;R", PARAMS_OK, { BY_RETURN, false, NOW + 60 } },
	{ " BY=-120;N", PARAMS_OK, { BY_NOTIFY, false, NOW - 120 } },
	{ " BY=-999999999;N", PARAMS_OK,
	    { BY_NOTIFY, false, NOW - 999999999 } },
	{ " BY=999999999;nT", PARAMS_OK,
	    { BY_NOTIFY, true, (time_t)NOW + 999999999 } },
	{ " BY=59;R", PARAMS_BY, { .time = 0 } },
	{ " BY=0;R", PARAMS_BY, { .time = 0 } },
	{ " BY=-120;RT", PARAMS_BY, { .time = 0 } },
	{ " BY=1000000000;R", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=120", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=120;", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=;R", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=-;R", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=--1;R", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=;", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=120;T", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=120;RN", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=120;RTT", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=1 20;R", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY", PARAMS_SYNTAX, { .time = 0 } },
	{ " BY=100;R BY=100;R", PARAMS_SYNTAX, { .time = 0 } },
};

static void
test_times(void)
{
	struct mail p;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		enum params result = read_mail(times[i].text, &p);
		ok(result == times[i].result &&
			(result != PARAMS_OK ||
			    (p.by.mode == times[i].by.mode &&
				p.by.trace == times[i].by.trace &&
				p.by.time == times[i].by.time)),
		    "MAIL: \"%s\"", times[i].text);
	}
}

static const struct {
	const char *text;
	enum params result;
	int priority;
} priorities[] = {
	{ " MT-PRIORITY=0", PARAMS_OK, 0 },
	{ " MT-PRIORITY=9", PARAMS_OK, 9 },
	{ " mt-priority=-9 SIZE=5", PARAMS_OK, -9 },
	{ " MT-PRIORITY=10", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY=-0", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY=+1", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY=-", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY=x", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY=", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITY=0 MT-PRIORITY=1", PARAMS_SYNTAX, 0 },
	{ " MT-PRIORITIES=1", PARAMS_UNKNOWN, 0 },
};

static void
test_priorities(void)
{
	struct mail p;

	for (size_t i = 0; i < sizeof(priorities) / sizeof(priorities[0]);
	     i++) {
		enum params result = read_mail(priorities[i].text, &p);
		ok(result == priorities[i].result &&
			(result != PARAMS_OK ||
			    p.priority == priorities[i].priority),
		    "MAIL: \"%s\"", priorities[i].text);
	}
}

/* A parameter of our own, for those who may say it. */
static void
test_report(void)
{
	char orcpt[MAIL_ORCPT + 1];
	struct recipient r;
	bool report = false;

	ok(params_rcpt(" XREPORT", &r, orcpt, NULL) == PARAMS_UNKNOWN,
	    "XREPORT is not for everybody");
	ok(params_rcpt(" NOTIFY=FAILURE", &r, orcpt, &report) == PARAMS_OK &&
		!report,
	    "no XREPORT");
	ok(params_rcpt(" NOTIFY=FAILURE xreport", &r, orcpt, &report) ==
		    PARAMS_OK &&
		report && r.notify == NOTIFY_FAILURE,
	    "XREPORT");
	ok(params_rcpt(" XREPORT=1", &r, orcpt, &report) == PARAMS_SYNTAX,
	    "XREPORT with a value");
}

int
main(void)
{
	struct mail p;
	char orcpt[MAIL_ORCPT + 1];
	struct recipient r;

	for (size_t i = 0; i < sizeof(mail) / sizeof(mail[0]); i++) {
		enum params result = read_mail(mail[i].text, &p);
		ok(result == mail[i].result &&
			(result != PARAMS_OK ||
			    (p.size == mail[i].size &&
				p.eight_bit == mail[i].eight_bit)),
		    "MAIL: \"%s\"", mail[i].text);
	}
	for (size_t i = 0; i < sizeof(rcpt) / sizeof(rcpt[0]); i++) {
		enum params result = params_rcpt(rcpt[i].text, &r, orcpt, NULL);
		ok(result == rcpt[i].result &&
			(result != PARAMS_OK ||
			    (r.notify == rcpt[i].notify &&
				strcmp(r.orcpt, rcpt[i].orcpt) == 0)),
		    "RCPT: \"%s\"", rcpt[i].text);
	}
	test_report();
	test_hold();
	test_offers();
	test_priorities();
	test_times();
	test_long();
	return tap_done();
}
