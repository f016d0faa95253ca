/* SPDX-License-Identifier: ISC */
/*
 * The words of the log: replies as programs that read logs know them, counts of
 * commands, and values that must not end before their end.
 */
#include "smtpd/session/events.h"

#include "common/log/log.h"
#include "smtpd/session/tally.h"
#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *reply, *stage, *subject, *words;
} replies[] = {
	{ "550 5.1.1 No such user here", "RCPT", "a@b.c",
	    "550 5.1.1 <a@b.c>: Recipient address rejected: User unknown in "
	    "local recipient table" },
	{ "550 5.7.1 Relaying denied", "RCPT", "a@b.c",
	    "550 5.7.1 <a@b.c>: Relay access denied" },
	{ "451 4.3.0 Cannot look that user up now", "RCPT", "a@b.c",
	    "451 4.3.0 <a@b.c>: Recipient address rejected: Cannot look that "
	    "user up now" },
	{ "450 4.7.1 Recipient address rejected: later", "RCPT", "a@b.c",
	    "450 4.7.1 <a@b.c>: Recipient address rejected: later" },
	{ "554 5.7.1 Service unavailable; Client host [x] blocked", "RCPT",
	    "a@b.c", "554 5.7.1 Service unavailable; Client host [x] blocked" },
	{ "552 5.3.4 Message too big", "MAIL", "a@b.c",
	    "552 5.3.4 Message size exceeds fixed limit" },
	{ "552 5.3.4 Message too big: at most 9 octets", "END-OF-MESSAGE",
	    "END-OF-MESSAGE", "552 5.3.4 Message size exceeds fixed limit" },
	{ "452 4.3.1 No room on the disk now", "MAIL", "",
	    "452 4.3.1 Insufficient system storage" },
	{ "553 5.7.1 Not yours", "MAIL", "a@b.c",
	    "553 5.7.1 <a@b.c>: Sender address rejected: Not yours" },
	{ "550 5.6.0 The message holds NUL bytes", "END-OF-MESSAGE",
	    "END-OF-MESSAGE",
	    "550 5.6.0 <END-OF-MESSAGE>: Data command rejected: The message "
	    "holds NUL bytes" },
	{ "500 What", "RCPT", "x",
	    "500 <x>: Recipient address rejected: What" },
	{ "500 5 What", "MAIL", "", "500 <>: Sender address rejected: 5 What" },
	{ "no code", "DATA", "x", "<x>: Data command rejected: no code" },
	{ "", "DATA", "", "<>: Data command rejected: " },
};

static const struct {
	const char *text, *value, *path;
} values[] = {
	{ "alice", "alice", "alice" },
	{ "alice+x@example.org", "alice+x@example.org", "alice+x@example.org" },
	{ "x, ip=[192.0.2.1]", "x??ip??192.0.2.1?", "x, ip=[192.0.2.1]" },
	{ "a> to=<b", "a??to??b", "a? to=?b" },
	{ "\"a\\'b\"(c);d:e", "?a\\?b??c??d?e", "\"a\\'b\"(c);d:e" },
	{ "\t\r\n\001", "???\001", "\t\r\n\001" },
	{ "", "", "" },
	{ "0123456789012345678901234567890", "0123456789012345678",
	    "0123456789012345678" },
};

static void
test_tally(void)
{
	struct tally t = { .verbs = { { 0, 0 } } };
	char text[TALLY_TEXT];

	ok(strcmp(tally_text(&t, text), " commands=0") == 0, "none: %s", text);
	tally_add(&t, "QUIT", true);
	tally_add(&t, "ehlo", true);
	tally_add(&t, "Rcpt", false);
	tally_add(&t, "RCPT", true);
	tally_add(&t, "XYZZY", false);
	tally_add(&t, "", false);
	ok(strcmp(tally_text(&t, text),
	       " ehlo=1 rcpt=1/2 quit=1 unknown=0/2 commands=3/6") == 0,
	    "some:%s", text);
	for (size_t i = 0; i < TALLY_VERBS; i++) {
		t.verbs[i].good = 4000000000;
		t.verbs[i].all = 4294967295;
	}
	ok(strlen(tally_text(&t, text)) < TALLY_TEXT, "so many:%s", text);
}

int
main(void)
{
	char text[EVENT_TEXT];

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		event_words(replies[i].reply, replies[i].stage,
		    replies[i].subject, text);
		ok(strcmp(text, replies[i].words) == 0, "%s: %s",
		    replies[i].reply, text);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char value[20];
		log_value(values[i].text, value, sizeof(value));
		bool same = strcmp(value, values[i].value) == 0;
		log_path(values[i].text, value, sizeof(value));
		ok(same && strcmp(value, values[i].path) == 0, "value %zu", i);
	}
	test_tally();
	return tap_done();
}
