/* SPDX-License-Identifier: ISC */
/*
 * MAIL and RCPT as they go out: all that the sender asked for, when the server
 * offers it, and no address that a server could read as something else.
 */
#include "smtpd/relay/client_private.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define ALL                                                                    \
	(EXT_PIPELINING | EXT_SIZE | EXT_8BITMIME | EXT_SMTPUTF8 | EXT_DSN |   \
	    EXT_MT_PRIORITY | EXT_DELIVERBY)

static const struct {
	const char *text;
	bool utf8;
	const char *path; /* NULL: refused */
} paths[] = {
	{ "a@example.org", false, "<a@example.org>" },
	{ "<a@example.org>", false, "<a@example.org>" },
	{ "a@example.org.", false, "<a@example.org>" },
	{ "postmaster", false, "<postmaster>" },
	{ "<>", false, "<>" },
	{ "\"a b\"@example.org", false, "<\"a b\"@example.org>" },
	{ "\"a\\\"b\"@example.org", false, "<\"a\\\"b\"@example.org>" },
	{ "\"@\"@example.org", false, "<\"@\"@example.org>" },
	{ "a@[192.0.2.1]", false, "<a@[192.0.2.1]>" },
	{ "a@[IPv6:2001:db8::1]", false, "<a@[IPv6:2001:db8::1]>" },
	{ "@relay.example.net:a@example.org", false, "<a@example.org>" },
	{ "b\303\274@example.org", true, "<b\303\274@example.org>" },
	{ "b\303\274@example.org", false, NULL },
	{ "", false, NULL },
	{ "a b@example.org", false, NULL },
	{ "a@example.org NOTIFY=NEVER", false, NULL },
	{ "a@example.org> NOTIFY=NEVER", false, NULL },
	{ "\"a> NOTIFY=NEVER\"@example.org", false, NULL },
	{ "\"a<b\"@example.org", false, NULL },
	{ "a@example.org\r\nDATA", false, NULL },
	{ "\"a\r\nDATA\"@example.org", false, NULL },
	{ "a\177@example.org", false, NULL },
	{ "a@b@example.org", false, NULL },
	{ "b\303\274> X=@example.org", true, NULL },
	{ "b\303\274\r\n@example.org", true, NULL },
	{ "b\303\274@ex@ample.org", true, NULL },
	{ "b\303\274", true, NULL },
	{ "\"b\303\274\"@example.org", true, "<\"b\303\274\"@example.org>" },
	{ "\"b\303\274> X=\"@example.org", true, NULL },
	{ "a@b\303\274cher.example", true, "<a@xn--bcher-kva.example>" },
};

static void
test_paths(void)
{
	char path[ADDRESS_TEXT + 2];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		bool good = envelope_path(
		    paths[i].text, paths[i].utf8, path, sizeof(path));
		ok(good == (paths[i].path != NULL) &&
			(!good || strcmp(path, paths[i].path) == 0),
		    "address %zu%s%s", i, good ? " is " : " is refused",
		    good ? path : "");
	}
}

static void
test_mail(void)
{
	struct offer none = { 0 }, all = { .extensions = ALL };
	struct mail mail = { .sender = "a@example.org", .size = 1234 };
	char line[ENVELOPE_LINE];

	ok(envelope_mail(&mail, &none, 1000, line) &&
		strcmp(line, "MAIL FROM:<a@example.org>") == 0,
	    "MAIL without extensions");
	ok(envelope_mail(&mail, &all, 1000, line) &&
		strcmp(line, "MAIL FROM:<a@example.org> SIZE=1234") == 0,
	    "MAIL with nothing to ask for");
	mail.eight_bit = mail.utf8 = true;
	mail.ret = RET_HDRS;
	mail.priority = -4;
	strlcpy(mail.envid, "QQ314159+20", sizeof(mail.envid));
	ok(envelope_mail(&mail, &all, 1000, line) &&
		strcmp(line,
		    "MAIL FROM:<a@example.org> SIZE=1234 BODY=8BITMIME "
		    "SMTPUTF8 MT-PRIORITY=-4 RET=HDRS ENVID=QQ314159+20") == 0,
	    "MAIL with everything");
	ok(envelope_mail(&mail, &none, 1000, line) &&
		strcmp(line, "MAIL FROM:<a@example.org>") == 0,
	    "what is not offered is not asked for");
	strlcpy(mail.envid, "a b", sizeof(mail.envid));
	mail.by = (struct deliver_by){ BY_RETURN, true, 1060 };
	ok(envelope_mail(&mail, &all, 1000, line) &&
		strstr(line, " BY=60;RT") != NULL,
	    "BY with what is left");
	mail.by = (struct deliver_by){ BY_NOTIFY, false, 0 };
	ok(envelope_mail(&mail, &all, 1000, line) &&
		strstr(line, " BY=-1000;N ") != NULL,
	    "BY that is late");
	ok(envelope_mail(&mail, &all, 9000000000, line) &&
		strstr(line, " BY=-999999999;N ") != NULL,
	    "BY has nine digits");
	ok(envelope_mail(&mail, &all, 1000, line) &&
		strstr(line, "ENVID") == NULL,
	    "an ENVID that is more than a word stays away");
	mail.sender[0] = '\0';
	ok(envelope_mail(&mail, &none, 1000, line) &&
		strcmp(line, "MAIL FROM:<>") == 0,
	    "the null sender");
}

static void
test_rcpt(void)
{
	struct offer none = { 0 }, all = { .extensions = ALL };
	struct mail mail = { .sender = "" };
	struct recipient r = { .text = "b@example.net", .orcpt = "" };
	char line[ENVELOPE_LINE];

	ok(envelope_rcpt(&mail, &r, &all, line) &&
		strcmp(line, "RCPT TO:<b@example.net>") == 0,
	    "RCPT with nothing to ask for");
	r.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;
	r.orcpt = "rfc822;bob+40example.org";
	ok(envelope_rcpt(&mail, &r, &all, line) &&
		strcmp(line,
		    "RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE,DELAY "
		    "ORCPT=rfc822;bob+40example.org") == 0,
	    "RCPT with everything");
	ok(envelope_rcpt(&mail, &r, &none, line) &&
		strcmp(line, "RCPT TO:<b@example.net>") == 0,
	    "RCPT without DSN");
	r.notify = NOTIFY_NEVER;
	r.orcpt = "rfc822;bob NOTIFY=SUCCESS";
	ok(envelope_rcpt(&mail, &r, &all, line) &&
		strcmp(line, "RCPT TO:<b@example.net> NOTIFY=NEVER") == 0,
	    "an ORCPT that is more than a word stays away");
	r.text = "<>";
	ok(!envelope_rcpt(&mail, &r, &all, line), "nobody is no recipient");
}

int
main(void)
{
	test_paths();
	test_mail();
	test_rcpt();
	return tap_done();
}
