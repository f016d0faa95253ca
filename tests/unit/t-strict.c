/* SPDX-License-Identifier: ISC */
/*
 * Commands by the letter: what is refused in the profile "strict", and what
 * must never be, because the standard allows it.
 */
#include "smtpd/session/strict.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

#define D10 "dddddddddd"
#define D60 D10 D10 D10 D10 D10 D10

/* code: what the reply begins with; NULL: by the letter. */
static const struct {
	const char *line, *code;
} cases[] = {
	/* HELO and EHLO */
	{ "EHLO mx.example.org", NULL },
	{ "ehlo MX.example.org", NULL },
	{ "HELO mx.example.org", NULL },
	{ "EHLO [192.0.2.1]", NULL },
	{ "EHLO [IPv6:2001:db8::1]", NULL },
	{ "EHLO xn--bcher-kva.example", NULL },
	{ "EHLO localhost", "501 5.5.2" },
	{ "HELO localhost", "501 5.5.2" },
	{ "EHLO foo_bar.example", "501 5.5.2" },
	{ "EHLO mx.example.org.", "501 5.5.2" },
	{ "EHLO [IPv6:1:2:3:4:5:6::]", NULL },
	{ "EHLO [IPv6:::]", NULL },
	{ "EHLO [IPv6:::ffff:192.0.2.1]", NULL },
	{ "EHLO [IPv6:1:2:3:4:5:6:7:8]", NULL },
	{ "EHLO [IPv6:1:2:3:4:5:6:7::]", "501 5.5.2" },
	{ "EHLO [IPv6:::2:3:4:5:6:7:8]", "501 5.5.2" },
	{ "EHLO [IPv6:1:2:3:4::6:7:8]", "501 5.5.2" },
	{ "EHLO [IPv6:1:2:3::5:6:192.0.2.1]", "501 5.5.2" },
	{ "EHLO [IPv6:1:2::5:6:192.0.2.1]", NULL },
	{ "EHLO -", "501 5.5.2" },
	{ "EHLO -mx.example", "501 5.5.2" },
	{ "EHLO 2001:db8::1", "501 5.5.2" },
	{ "EHLO [192.0.2.300]", "501 5.5.2" },
	{ "EHLO a.example b", "501 5.5.2" },
	{ "EHLO  a.example", "501 5.5.2" },
	{ "EHLO\ta.example", "501 5.5.4" },
	{ "EHLO", NULL }, /* 501 as ever */
	/* MAIL */
	{ "MAIL FROM:<>", NULL },
	{ "MAIL FROM:<a@example.org>", NULL },
	{ "mail from:<a@example.org> SIZE=1 BODY=8BITMIME", NULL },
	{ "MAIL FROM:<a.b.c@example.org>", NULL },
	{ "MAIL FROM:<\"a  b\"@example.org>", NULL },
	{ "MAIL FROM:<\"a..b.\"@example.org>", NULL },
	{ "MAIL FROM:<@hop.example:a@example.org>", NULL },
	{ "MAIL FROM:<a@[192.0.2.1]>", NULL },
	{ "MAIL FROM:<" D60 "dddd@example.org>", NULL },
	{ "MAIL FROM:<j\xc3\xb6rg@example.org> SMTPUTF8", NULL },
	{ "MAIL FROM: <a@example.org>", "501 5.5.4" },
	{ "MAIL FROM :<a@example.org>", "501 5.5.4" },
	{ "MAIL  FROM:<a@example.org>", "501 5.5.4" },
	{ "MAIL\tFROM:<a@example.org>", "501 5.5.4" },
	{ "MAIL FROM:a@example.org", "501 5.5.4" },
	{ "MAIL FROM", "501 5.5.4" },
	{ "MAIL TO:<a@example.org>", "501 5.5.4" },
	{ "MAIL FROM:<a@example.org>  SIZE=1", "501 5.5.4" },
	{ "MAIL FROM:<a@example.org>\tSIZE=1", "501 5.5.4" },
	{ "MAIL FROM:<a@example.org> SIZE=1  RET=FULL", "501 5.5.4" },
	{ "MAIL FROM:<a..b@example.org>", "501 5.1.7" },
	{ "MAIL FROM:<a.@example.org>", "501 5.1.7" },
	{ "MAIL FROM:<.a@example.org>", "501 5.1.7" },
	{ "MAIL FROM:<a>", "501 5.1.7" },
	{ "MAIL FROM:<a@foo_bar.example>", "501 5.1.7" },
	{ "MAIL FROM:<" D60 "ddddd@example.org>", "501 5.1.7" },
	{ "MAIL FROM:<a@example.org.>", "501 5.1.7" },
	{ "MAIL FROM:<a@example.org.> SIZE=1", "501 5.1.7" },
	{ "MAIL FROM:<a@[IPv6:1:2:3:4:5:6::8]>", "501 5.1.7" },
	{ "MAIL FROM:<\"a.\"@example.org>", NULL },
	{ "MAIL FROM:<a@", NULL }, /* the command knows why not */
	/* RCPT */
	{ "RCPT TO:<a@example.org>", NULL },
	{ "RCPT TO:<Postmaster>", NULL },
	{ "RCPT TO:<a@example.org> NOTIFY=NEVER", NULL },
	{ "RCPT TO: <a@example.org>", "501 5.5.4" },
	{ "RCPT TO:a@example.org", "501 5.5.4" },
	{ "RCPT FROM:<a@example.org>", "501 5.5.4" },
	{ "RCPT TO:<test@iana.org.>", "501 5.1.3" },
	{ "RCPT TO:<test@[IPv6:1::3:4:5:6:7:8]>", "501 5.1.3" },
	{ "RCPT TO:<test@[IPv6:1::4:5:6:7:8]>", NULL },
	{ "RCPT TO:<a>", "501 5.1.3" },
	{ "RCPT TO:<a..b@example.org>", "501 5.1.3" },
	{ "RCPT TO:<a@example.org>  NOTIFY=NEVER", "501 5.5.4" },
	/* The others */
	{ "", NULL },
	{ "NOOP", NULL },
	{ "NOOP with words", NULL },
	{ "NOOP  with words", "501 5.5.4" },
	{ "NOOP with  words", "501 5.5.4" },
	{ "VRFY\tbob", "501 5.5.4" },
	{ "AUTH PLAIN AGE=", NULL },
	{ "AUTH  PLAIN AGE=", "501 5.5.4" },
	{ "BDAT 5  LAST", NULL }, /* the data would be taken for commands */
	{ "BDAT\t5", NULL },
	{ "bdat  5", NULL },
};

/* The codes of the reply, or NULL. */
static const char *
fault(const char *line, bool esmtp)
{
	static char codes[REPLY_CODES];
	enum smtp_reply reply = strict_fault(line, esmtp);

	return reply == REPLY_NONE ? NULL : reply_codes(reply, codes);
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = fault(cases[i].line, true);
		const char *want = cases[i].code;
		if (!ok(want == NULL ? got == NULL
				     : got != NULL && strncmp(got, want,
							  strlen(want)) == 0,
			"%s", cases[i].line)) {
			note("got %s", got == NULL ? "nothing" : got);
		}
	}
}

static void
test_helo(void)
{
	ok(fault("MAIL FROM:<a@b.c>", false) == NULL, "SMTP: MAIL");
	const char *got = fault("MAIL FROM:<a@b.c> SIZE=1", false);
	ok(got != NULL && strncmp(got, "555 5.5.4", 9) == 0,
	    "SMTP: a parameter");
}

/* Octets beyond 510 are for the extensions that say so. */
static void
test_length(void)
{
	static const struct {
		const char *verb;
		size_t len;
		bool allowed;
	} lines[] = { { "NOOP ", 510, true }, { "NOOP ", 511, false },
		{ "HELP ", 2000, false }, { "AUTH PLAIN ", 12000, true },
		{ "XYZZY ", 511, false } };
	char line[12001];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		memset(line, 'x', lines[i].len);
		line[lines[i].len] = '\0';
		memcpy(line, lines[i].verb, strlen(lines[i].verb));
		const char *got = fault(line, true);
		ok(lines[i].allowed
			? got == NULL
			: got != NULL && strncmp(got, "500 5.5.6", 9) == 0,
		    "%s and %zu octets in all", lines[i].verb, lines[i].len);
	}
}

int
main(void)
{
	test_cases();
	test_helo();
	test_length();
	return tap_done();
}
