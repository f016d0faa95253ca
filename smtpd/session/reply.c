/* SPDX-License-Identifier: ISC */
/* The catalogue of replies, and how one is given. */
#include "smtpd/session/reply.h"

#include "common/io/stream.h"
#include "smtpd/session/session.h"

#include <stdio.h>

/* ---- rows ---- */

/* No refusal. */
#define FINE(code, enhanced, text)                                             \
	{                                                                      \
		code, enhanced, text, NULL, SHAPE_REASON, STATS_NONE,          \
		    OFFENCES, false                                            \
	}
/* A refusal: an error of the session, and no offence. */
#define FAULT(code, enhanced, text)                                            \
	{                                                                      \
		code, enhanced, text, NULL, SHAPE_REASON, STATS_NONE,          \
		    OFFENCES, true                                             \
	}
/* A row for which the log has words, a shape or a statistic of its own. */
#define LOGGED(code, enhanced, text, words, shape, stats)                      \
	{                                                                      \
		code, enhanced, text, words, shape, stats, OFFENCES, true      \
	}
/* 500, 501, 503: an unknown or malformed command, or one out of place. */
#define SYNTAX(code, enhanced, text)                                           \
	{                                                                      \
		code, enhanced, text, NULL, SHAPE_REASON,                      \
		    STATS_REJECTED_SYNTAX, OFFENCE_SYNTAX, true                \
	}
/* 502, 504: a command that is right, and not to be had. */
#define NOT_OFFERED(code, enhanced, text)                                      \
	{                                                                      \
		code, enhanced, text, NULL, SHAPE_REASON,                      \
		    STATS_REJECTED_SYNTAX, OFFENCES, true                      \
	}
/* A recipient that strangers should not have named. */
#define RECIPIENT(code, enhanced, text, words, shape, stats)                   \
	{                                                                      \
		code, enhanced, text, words, shape, stats, OFFENCE_RECIPIENT,  \
		    true                                                       \
	}
/* What no mail client does. */
#define ABUSE(code, enhanced, text)                                            \
	{                                                                      \
		code, enhanced, text, NULL, SHAPE_REASON, STATS_NONE,          \
		    OFFENCE_ABUSE, true                                        \
	}

static const struct reply_row rows[REPLIES] = {
	/* the session */
	[REPLY_GREETING] = FINE(220, NULL, "%s ESMTP restante"),
	[REPLY_HELLO] = FINE(250, NULL, "%s"),
	[REPLY_BYE] = FINE(221, "2.0.0", "%s Bye"),
	[REPLY_TOO_SLOW] = FAULT(421, "4.4.2", "%s Too slow, closing"),
	[REPLY_SHUTDOWN] =
	    FAULT(421, "4.3.2", "%s Shutting down, try again soon"),
	[REPLY_LINE_FLOOD] =
	    FAULT(421, "4.7.0", "%s A line without an end, closing"),
	[REPLY_EXCESS] = FAULT(421, "4.7.0", "%s Too many %s"),
	[REPLY_WEB] = ABUSE(554, "5.5.1", "This is a mail server"),
	[REPLY_EARLY] = ABUSE(
	    554, "5.5.1", "%s You spoke before the greeting: wait for it"),
	[REPLY_PIPELINED] = ABUSE(554, "5.5.1",
	    "%s Wait for the reply to %s before you go on; closing"),
	[REPLY_OK] = FINE(250, "2.0.0", "OK"),
	[REPLY_RESET] = FINE(250, "2.0.0", "Transaction reset"),
	[REPLY_STATUS] = FINE(211, "2.0.0", "%s%s"),
	[REPLY_HELP] = FINE(214, "2.0.0", "HELP STATUS describes this session"),

	/* lines */
	[REPLY_LINE_LONG] = SYNTAX(500, "5.5.6", "Line too long"),
	[REPLY_LINE_BAD] = SYNTAX(500, "5.5.2",
	    "Bare CR, bare LF or NUL in a command: lines end in CR LF"),
	[REPLY_NOT_ASCII] = SYNTAX(500, "5.5.2", "Commands are ASCII"),
	[REPLY_UNKNOWN] = SYNTAX(500, "5.5.1", "Unknown command"),
	[REPLY_NO_ARGUMENT] = SYNTAX(501, "5.5.4", "%s takes no argument"),
	[REPLY_ARGUMENT] = SYNTAX(501, "5.5.4", "%s takes an argument"),
	[REPLY_HELLO_FIRST] = SYNTAX(503, "5.5.1", "Say HELO or EHLO first"),
	[REPLY_IN_CHUNKS] = SYNTAX(
	    503, "5.5.1", "Not between chunks: BDAT with LAST ends them"),
	[REPLY_IN_TRANSACTION] =
	    SYNTAX(503, "5.5.1", "Not inside a transaction: RSET ends it"),
	[REPLY_SEQUENCE] = SYNTAX(503, "5.5.1", "MAIL, then RCPT, then DATA"),

	/* the profile "strict" */
	[REPLY_STRICT_NAME] = SYNTAX(501, "5.5.2",
	    "Give a full domain name, such as host.example.org, or an address "
	    "in brackets"),
	[REPLY_STRICT_MAIL] =
	    SYNTAX(501, "5.5.4", "Write MAIL FROM:<address>, just so"),
	[REPLY_STRICT_RCPT] =
	    SYNTAX(501, "5.5.4", "Write RCPT TO:<address>, just so"),
	[REPLY_STRICT_SENDER] =
	    SYNTAX(501, "5.1.7", "Not an address of RFC 5321"),
	[REPLY_STRICT_RECIPIENT] =
	    SYNTAX(501, "5.1.3", "Not an address of RFC 5321"),
	[REPLY_STRICT_PARAMS] =
	    FAULT(555, "5.5.4", "No parameters after HELO: say EHLO"),
	[REPLY_STRICT_PARAM_BLANK] =
	    SYNTAX(501, "5.5.4", "One blank before each parameter"),
	[REPLY_STRICT_BLANK] = SYNTAX(501, "5.5.4", "One blank between words"),

	/* VRFY, EXPN, ETRN */
	[REPLY_VRFY_NAME] = FINE(250, "2.1.5", "<%s@%s>"),
	[REPLY_VRFY_CANNOT] =
	    FINE(252, "2.5.2", "Send some mail, and it will be tried"),
	[REPLY_VRFY_LATER] = FAULT(451, "4.3.0", "Cannot look that up now"),
	[REPLY_EXPN_USERS] =
	    NOT_OFFERED(502, "5.5.1", "EXPN is for users only"),
	[REPLY_ETRN_SYNTAX] = SYNTAX(501, "5.5.4", "Write ETRN and a domain"),
	[REPLY_ETRN_DOMAIN] =
	    FAULT(459, "4.7.1", "Not a domain that mail waits for here"),
	[REPLY_ETRN_SENDING] = FINE(250, "2.0.0", "Sending what waits"),
	[REPLY_ETRN_NOTHING] = FINE(251, "2.0.0", "Nothing waits"),
	[REPLY_ETRN_LATER] =
	    FAULT(458, "4.3.0", "Cannot look into the queue now"),

	/* STARTTLS, AUTH */
	[REPLY_TLS_ALREADY] = SYNTAX(503, "5.5.1", "TLS is on already"),
	[REPLY_TLS_NONE] = NOT_OFFERED(502, "5.5.1", "There is no TLS here"),
	[REPLY_TLS_PIPELINED] =
	    FAULT(554, "5.5.1", "Nothing may follow STARTTLS"),
	[REPLY_TLS_LATER] = FAULT(454, "4.7.0", "TLS is not available now"),
	[REPLY_LOGIN_OK] = FINE(235, "2.7.0", "Welcome"),
	[REPLY_LOGIN_WRONG] = FAULT(535, "5.7.8", "Wrong name or password"),
	[REPLY_LOGIN_EXCESS] = FAULT(421, "4.7.0", "%s Too many failed logins"),
	[REPLY_LOGIN_ALREADY] = SYNTAX(503, "5.5.1", "Logged in already"),
	[REPLY_LOGIN_NEEDS_TLS] =
	    FAULT(538, "5.7.11", "Encryption required: STARTTLS first"),
	[REPLY_LOGIN_LATER] = FAULT(454, "4.7.0", "Cannot check passwords now"),
	[REPLY_LOGIN_FIRST] = FAULT(530, "5.7.0", "Log in first"),
	[REPLY_LOGIN_FIRST_BY_TLS] =
	    FAULT(530, "5.7.0", "STARTTLS and log in first"),
	[REPLY_SASL_UNKNOWN] = NOT_OFFERED(504, "5.5.4", "Unknown mechanism"),
	[REPLY_SASL_INITIAL] =
	    SYNTAX(501, "5.7.0", "This mechanism has no initial response"),
	[REPLY_SASL_CANCELLED] = SYNTAX(501, "5.7.0", "Cancelled"),
	[REPLY_SASL_MALFORMED] = SYNTAX(501, "5.5.2", "Malformed SASL data"),

	/* XPASSWD */
	[REPLY_PASSWORD_CHANGED] =
	    FINE(250, "2.7.0", "The password is changed"),
	[REPLY_PASSWORD_SYNTAX] =
	    SYNTAX(501, "5.5.4", "Two passwords expected, in base64"),
	[REPLY_PASSWORD_WRONG] = FAULT(535, "5.7.8", "Wrong password"),
	[REPLY_PASSWORD_WEAK] =
	    FAULT(550, "5.7.0", "The password %s: choose another one"),
	[REPLY_PASSWORD_SYSTEM] = FAULT(550, "5.7.0",
	    "This is the system's password: passwd(1) changes it"),
	[REPLY_PASSWORD_NOBODY] = FAULT(550, "5.7.0",
	    "No user here has your name and your mailbox: ask root"),
	[REPLY_PASSWORD_LATER] =
	    FAULT(451, "4.3.0", "Cannot change the password now"),

	/* MAIL */
	[REPLY_SENDER_OK] = FINE(250, "2.1.0", "OK"),
	/* RFC 6710 section 5.1 */
	[REPLY_SENDER_PRIORITY] = FINE(250, "2.3.6", "OK, with priority 0"),
	[REPLY_MAIL_SYNTAX] = SYNTAX(501, "5.5.4", "Write MAIL FROM:<address>"),
	[REPLY_SENDER_LONG] = SYNTAX(501, "5.1.7", "Address too long"),
	[REPLY_SENDER_SYNTAX] = SYNTAX(
	    501, "5.1.7", "Address expected, such as <user@example.org>"),
	[REPLY_ADDRESS_8BIT] = FAULT(553, "5.6.7",
	    "Addresses outside ASCII are UTF-8, and need SMTPUTF8 with MAIL"),
	[REPLY_PARAM_UNKNOWN] = FAULT(555, "5.5.4", "Unknown parameter"),
	[REPLY_PARAM_MALFORMED] = SYNTAX(501, "5.5.4", "Malformed parameter"),
	[REPLY_HOLD_LIMIT] = SYNTAX(
	    501, "5.5.4", "HOLDFOR and HOLDUNTIL are limited to 30 days"),
	[REPLY_BY_LIMIT] =
	    SYNTAX(501, "5.5.4", "BY with R needs 60 seconds or more"),
	[REPLY_NOT_YOURS] = FAULT(553, "5.7.1",
	    "Not an address of %s: use your own, or have it allowed by the key "
	    "sender"),
	[REPLY_TOO_BIG] = LOGGED(552, "5.3.4", "Message too big",
	    "Message size exceeds fixed limit", SHAPE_WHOLE,
	    STATS_REJECTED_SIZE),
	[REPLY_SIZE_LIMIT] =
	    LOGGED(552, "5.3.4", "Message too big: at most %s octets",
		"Message size exceeds fixed limit", SHAPE_WHOLE,
		STATS_REJECTED_SIZE),
	[REPLY_NO_ROOM] = LOGGED(452, "4.3.1", "No room on the disk now",
	    "Insufficient system storage", SHAPE_WHOLE, STATS_NONE),
	[REPLY_NO_MEMORY] = FAULT(451, "4.3.0", "No memory now"),

	/* RCPT */
	[REPLY_RCPT_OK] = FINE(250, "2.1.5", "OK"),
	[REPLY_RCPT_FORWARD] = FINE(251, "2.1.5", "Will forward to <%s>"),
	[REPLY_RCPT_MOVED] = RECIPIENT(551, "5.1.6",
	    "No longer here: please try <%s>", NULL, SHAPE_REASON, STATS_NONE),
	[REPLY_RCPT_SYNTAX] = SYNTAX(501, "5.5.4", "Write RCPT TO:<address>"),
	[REPLY_RECIPIENT_LONG] = SYNTAX(501, "5.1.3", "Address too long"),
	[REPLY_RECIPIENT_SYNTAX] = SYNTAX(
	    501, "5.1.3", "Address expected, such as <user@example.org>"),
	[REPLY_RCPT_DOMAIN] =
	    RECIPIENT(553, "5.1.3", "The address needs a domain",
		"need fully-qualified address", SHAPE_REASON, STATS_NONE),
	/* Clients may learn of the limit in this way alone: those recipients
	   that are accepted must not go away with the session. */
	[REPLY_RCPT_EXCESS] = FINE(452, "4.5.3",
	    "Too many recipients: send to these, then to the others"),
	[REPLY_RCPT_LATER] =
	    FAULT(451, "4.3.0", "Cannot look that user up now"),
	[REPLY_RELAYING] = RECIPIENT(550, "5.7.1", "Relaying denied",
	    "Relay access denied", SHAPE_ABOUT, STATS_REJECTED_RELAY),
	[REPLY_NO_USER] = RECIPIENT(550, "5.1.1", "No such user here",
	    "User unknown in local recipient table", SHAPE_REASON,
	    STATS_REJECTED_USER),
	[REPLY_REPORTS_ALONE] =
	    RECIPIENT(550, "5.7.1", "That address accepts only reports from <>",
		"Recipient address rejected: not a report", SHAPE_REASON,
		STATS_REJECTED_RELAY),
	[REPLY_NEXT_HOP] = FAULT(550, "5.2.0", "Not taken by the next hop"),
	[REPLY_NEXT_HOP_UNKNOWN] = RECIPIENT(550, "5.1.1",
	    "Unknown to the next hop", NULL, SHAPE_REASON, STATS_REJECTED_USER),
	/* No error of the client's: its other recipients must not go away with
	   the session. */
	[REPLY_NEXT_HOP_LATER] =
	    FINE(450, "4.2.0", "Not taken by the next hop now"),
	[REPLY_NEXT_HOP_SILENT] = FINE(451, "4.4.1",
	    "Cannot ask the next hop about that user now, try again later"),
	/* The text is that of a rule; the log has what it is about as well. */
	[REPLY_ACCESS] = LOGGED(
	    550, "5.7.1", "%s", NULL, SHAPE_WHOLE, STATS_REJECTED_ACCESS),
	/* In the words that programs which read logs know from Postfix. */
	[REPLY_LISTED] = LOGGED(554, "5.7.1",
	    "Service unavailable; Client host [%s] blocked using %s%s%s", NULL,
	    SHAPE_WHOLE, STATS_REJECTED_LISTED),
	[REPLY_GREYLISTED] =
	    LOGGED(450, "4.7.1", "Greylisted: try again in %s seconds or later",
		NULL, SHAPE_REASON, STATS_REJECTED_GREYLIST),
	[REPLY_MAILBOX_FULL] = FAULT(452, "4.2.2", "That mailbox is full"),
	[REPLY_MAILBOX_SIZE] = FAULT(
	    552, "5.2.2", "The message is larger than that mailbox may be"),

	/* DATA, BDAT, and the message */
	[REPLY_START_DATA] =
	    FINE(354, NULL, "End it with a dot on a line of its own"),
	[REPLY_BINARY_BDAT] = SYNTAX(503, "5.5.1", "BINARYMIME comes by BDAT"),
	[REPLY_NO_RCPT] = FAULT(554, "5.5.1", "No valid recipients"),
	[REPLY_RCPT_FIRST] = SYNTAX(503, "5.5.1", "RCPT comes first"),
	[REPLY_BDAT_SEQUENCE] =
	    SYNTAX(503, "5.5.1", "MAIL, then RCPT, then BDAT"),
	[REPLY_BDAT_SYNTAX] = SYNTAX(501, "5.5.4",
	    "Write BDAT and a number of octets, then LAST or nothing; closing"),
	[REPLY_CHUNK] = FINE(250, "2.0.0", "%s octets taken"),
	[REPLY_BARE] = FAULT(550, "5.5.2",
	    "The message holds a bare CR or bare LF: lines end in CR LF"),
	[REPLY_NUL] = FAULT(550, "5.6.0", "The message holds NUL bytes"),
	[REPLY_BINARY_SIGNED] = FAULT(554, "5.6.3",
	    "What is signed is binary, and cannot be kept as it is: sign it "
	    "in base64"),
	[REPLY_BINARY_DEEP] = FAULT(554, "5.6.3",
	    "Too many parts, or too deep, for BINARYMIME: send it in base64"),
	[REPLY_BINARY_FIELD] = FAULT(554, "5.6.3",
	    "A Content field is too long for BINARYMIME: send it in base64"),
	[REPLY_FROM_NOT_YOURS] = FAULT(550, "5.7.1",
	    "From names an address that is not yours; the administrator can "
	    "allow it by the key sender"),
	[REPLY_HOPS] = FAULT(554, "5.4.6", "Too many hops: a mail loop"),
	[REPLY_NO_AUTHOR] = LOGGED(550, "5.7.1",
	    "A message needs one From field with an author's address, and of "
	    "authors in several domains each has to be vouched for by DMARC",
	    NULL, SHAPE_WHOLE, STATS_REJECTED_POLICY),
	[REPLY_DMARC] = LOGGED(550, "5.7.26",
	    "The DMARC policy of %s refuses this message: neither SPF nor DKIM "
	    "vouches for its From; send it through a server of that domain",
	    NULL, SHAPE_WHOLE, STATS_REJECTED_DMARC),
	[REPLY_SENDS_NO_MAIL] = LOGGED(550, "5.7.27",
	    "%s sends no mail, as its SPF record and the lack of an MX say: "
	    "use an address of another domain as the sender",
	    NULL, SHAPE_WHOLE, STATS_REJECTED_POLICY),
	[REPLY_HEADER_LONG] =
	    FAULT(552, "5.3.4", "The header section is too long"),
	[REPLY_VERIFY_LATER] =
	    FAULT(451, "4.3.0", "Cannot verify the message now"),
	/* The line that is sent is the filter's own. */
	[REPLY_FILTER] = FAULT(550, "5.7.1", "A filter refuses the message"),
	[REPLY_FILTER_LATER] =
	    FAULT(451, "4.7.1", "Cannot filter the message now"),
	[REPLY_STORE_LATER] =
	    FAULT(451, "4.3.0", "Cannot store the message now"),
	[REPLY_DELIVERED] = FINE(250, "2.0.0", "Delivered as %s"),
	[REPLY_QUEUED] = FINE(250, "2.0.0", "Queued as %s"),
	[REPLY_DELIVER_LATER] =
	    FAULT(451, "4.3.0", "Cannot deliver the message now"),
	[REPLY_ACCOUNT_LIMIT] = FAULT(450, "4.7.1",
	    "Your account has sent as much as it may in an hour: try again "
	    "later, or ask the postmaster"),
	[REPLY_HELD_BACK] = LOGGED(550, "5.7.1",
	    "The message is marked as spam, so it is not forwarded, and a "
	    "recipient has no mailbox here",
	    NULL, SHAPE_WHOLE, STATS_REJECTED_POLICY),
};

const struct reply_row *
reply_row(enum smtp_reply reply)
{
	return &rows[reply];
}

/* ---- texts ---- */

const char *
reply_text(enum smtp_reply reply, const char *const *args, bool in_log,
    char text[REPLY_TEXT])
{
	const struct reply_row *row = &rows[reply];
	bool own = in_log && row->words != NULL;

	return reply_text_fill(
	    own ? row->words : row->text, args, text, REPLY_TEXT);
}

const char *
reply_codes(enum smtp_reply reply, char codes[REPLY_CODES])
{
	const struct reply_row *row = &rows[reply];

	snprintf(codes, REPLY_CODES, "%u %s%s", row->code,
	    row->enhanced != NULL ? row->enhanced : "",
	    row->enhanced != NULL ? " " : "");
	return codes;
}

/* ---- replies ---- */

static void
count(struct session *s, const struct reply_row *row)
{
	if (row->error) {
		s->counts.errors++;
	}
	if (row->offence != OFFENCES &&
	    (row->offence != OFFENCE_RECIPIENT || !session_is_user(s))) {
		offence_report(s->connection, (enum offence)row->offence);
	}
	if (row->stats == STATS_REJECTED_SYNTAX) {
		stats_add(STATS_REJECTED_SYNTAX, 1);
	}
	if (row->code >= 400) {
		offence_delay(s->connection);
	}
}

static enum next
write_reply(struct session *s, enum smtp_reply reply, const char *const *args)
{
	char codes[REPLY_CODES], text[REPLY_TEXT];

	stream_printf(s->stream, "%s%s\r\n", reply_codes(reply, codes),
	    reply_text(reply, args, false, text));
	s->obeyed = rows[reply].code < 300;
	return NEXT_COMMAND;
}

enum next
reply_send_with(
    struct session *s, enum smtp_reply reply, const char *const *args)
{
	count(s, &rows[reply]);
	return write_reply(s, reply, args);
}

enum next
reply_send_line(struct session *s, enum smtp_reply reply, const char *line)
{
	count(s, &rows[reply]);
	stream_printf(s->stream, "%s\r\n", line);
	s->obeyed = false;
	return NEXT_COMMAND;
}

enum next
reply_send(struct session *s, enum smtp_reply reply)
{
	return reply_send_with(s, reply, NULL);
}

enum next
reply_repeat(struct session *s, enum smtp_reply reply)
{
	return write_reply(s, reply, NULL);
}
