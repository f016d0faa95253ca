/* SPDX-License-Identifier: ISC */
/*
 * The words of the log: replies as programs that read logs know them, counts of
 * commands, and values that must not end before their end.
 */
#include "smtpd/session/events.h"

#include "common/log/log.h"
#include "smtpd/session/command_counts.h"
#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	enum smtp_reply reply;
	const char *stage, *subject, *words;
} replies[] = {
	{ REPLY_NO_USER, "RCPT", "a@b.c",
	    "550 5.1.1 <a@b.c>: Recipient address rejected: User unknown in "
	    "local recipient table" },
	{ REPLY_RELAYING, "RCPT", "a@b.c",
	    "550 5.7.1 <a@b.c>: Relay access denied" },
	{ REPLY_RCPT_LATER, "RCPT", "a@b.c",
	    "451 4.3.0 <a@b.c>: Recipient address rejected: Cannot look that "
	    "user up now" },
	{ REPLY_RCPT_DOMAIN, "RCPT", "a",
	    "553 5.1.3 <a>: Recipient address rejected: need fully-qualified "
	    "address" },
	{ REPLY_GREYLISTED, "RCPT", "a@b.c",
	    "450 4.7.1 <a@b.c>: Recipient address rejected: Greylisted: try "
	    "again in 9 seconds or later" },
	{ REPLY_LISTED, "RCPT", "a@b.c",
	    "554 5.7.1 Service unavailable; Client host [9] blocked using x; "
	    "y" },
	{ REPLY_TOO_BIG, "END-OF-MESSAGE", "END-OF-MESSAGE",
	    "552 5.3.4 Message size exceeds fixed limit" },
	{ REPLY_SIZE_LIMIT, "MAIL", "a@b.c",
	    "552 5.3.4 Message size exceeds fixed limit" },
	{ REPLY_NO_ROOM, "MAIL", "", "452 4.3.1 Insufficient system storage" },
	{ REPLY_NOT_YOURS, "MAIL", "a@b.c",
	    "553 5.7.1 <a@b.c>: Sender address rejected: Not an address of 9: "
	    "use your own, or have it allowed by the key sender" },
	{ REPLY_NUL, "END-OF-MESSAGE", "END-OF-MESSAGE",
	    "550 5.6.0 <END-OF-MESSAGE>: Data command rejected: The message "
	    "holds NUL bytes" },
	{ REPLY_START_DATA, "DATA", "",
	    "354 <>: Data command rejected: End it with a dot on a line of "
	    "its own" },
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
	struct command_counts t = { .verbs = { { 0, 0 } } };
	char text[COMMAND_COUNTS_TEXT];

	ok(strcmp(command_counts_text(&t, text), " commands=0") == 0,
	    "none: %s", text);
	command_counts_add(&t, "QUIT", true);
	command_counts_add(&t, "ehlo", true);
	command_counts_add(&t, "Rcpt", false);
	command_counts_add(&t, "RCPT", true);
	command_counts_add(&t, "XYZZY", false);
	command_counts_add(&t, "", false);
	ok(strcmp(command_counts_text(&t, text),
	       " ehlo=1 rcpt=1/2 quit=1 unknown=0/2 commands=3/6") == 0,
	    "some:%s", text);
	for (size_t i = 0; i < COMMAND_COUNTS_VERBS; i++) {
		t.verbs[i].good = 4000000000;
		t.verbs[i].all = 4294967295;
	}
	ok(strlen(command_counts_text(&t, text)) < COMMAND_COUNTS_TEXT,
	    "so many:%s", text);
}

int
main(void)
{
	char text[EVENT_TEXT];

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		event_words(replies[i].reply, REPLY_ARGS("9", "x", "; ", "y"),
		    replies[i].stage, replies[i].subject, text);
		ok(strcmp(text, replies[i].words) == 0, "%s: %s",
		    replies[i].words, text);
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
