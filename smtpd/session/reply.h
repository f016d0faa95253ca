/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_REPLY_H
#define RESTANTE_SMTPD_SESSION_REPLY_H

#include "common/log/stats.h"
#include "common/session/command.h"
#include "common/session/offence.h"
#include "common/session/reply_text.h"

#include <stdbool.h>
#include <stddef.h>

struct session;

/*
 * Everything that an SMTP session replies, as a catalogue.  A row says what a
 * client is told, how the log calls it, and what it counts as, so that nothing
 * is ever decided by looking at a text.
 */
enum smtp_reply {
	REPLY_NONE, /* no reply: nothing is wrong */

	/* the session */
	REPLY_GREETING,   /* hostname */
	REPLY_HELLO,      /* hostname; the last line of EHLO: a keyword */
	REPLY_BYE,        /* hostname */
	REPLY_TOO_SLOW,   /* hostname */
	REPLY_SHUTDOWN,   /* hostname */
	REPLY_LINE_FLOOD, /* host */
	REPLY_EXCESS,     /* hostname, what there was too much of */
	REPLY_WEB,        /* to a web browser */
	REPLY_EARLY,      /* hostname */
	REPLY_PIPELINED,  /* hostname, verb */
	REPLY_OK,
	REPLY_RESET,
	REPLY_STATUS, /* two texts, which are joined */
	REPLY_HELP,

	/* lines */
	REPLY_LINE_LONG,
	REPLY_LINE_BAD,
	REPLY_NOT_ASCII,
	REPLY_UNKNOWN,
	REPLY_NO_ARGUMENT, /* verb */
	REPLY_ARGUMENT,    /* verb */
	REPLY_HELLO_FIRST,
	REPLY_IN_CHUNKS,
	REPLY_IN_TRANSACTION,
	REPLY_SEQUENCE,

	/* the profile "strict" */
	REPLY_STRICT_NAME,
	REPLY_STRICT_MAIL,
	REPLY_STRICT_RCPT,
	REPLY_STRICT_SENDER,
	REPLY_STRICT_RECIPIENT,
	REPLY_STRICT_PARAMS,
	REPLY_STRICT_PARAM_BLANK,
	REPLY_STRICT_BLANK,

	/* VRFY, EXPN, ETRN */
	REPLY_VRFY_NAME, /* local part, domain */
	REPLY_VRFY_CANNOT,
	REPLY_VRFY_LATER,
	REPLY_EXPN_USERS,
	REPLY_ETRN_SYNTAX,
	REPLY_ETRN_DOMAIN,
	REPLY_ETRN_SENDING,
	REPLY_ETRN_NOTHING,
	REPLY_ETRN_LATER,

	/* STARTTLS, AUTH */
	REPLY_TLS_ALREADY,
	REPLY_TLS_NONE,
	REPLY_TLS_PIPELINED,
	REPLY_TLS_LATER,
	REPLY_LOGIN_OK,
	REPLY_LOGIN_WRONG,
	REPLY_LOGIN_EXCESS, /* hostname */
	REPLY_LOGIN_ALREADY,
	REPLY_LOGIN_NEEDS_TLS,
	REPLY_LOGIN_LATER,
	REPLY_LOGIN_FIRST,
	REPLY_LOGIN_FIRST_BY_TLS,
	REPLY_SASL_UNKNOWN,
	REPLY_SASL_INITIAL,
	REPLY_SASL_CANCELLED,
	REPLY_SASL_MALFORMED,

	/* XPASSWD */
	REPLY_PASSWORD_CHANGED,
	REPLY_PASSWORD_SYNTAX,
	REPLY_PASSWORD_WRONG,
	REPLY_PASSWORD_WEAK, /* reason */
	REPLY_PASSWORD_SYSTEM,
	REPLY_PASSWORD_NOBODY,
	REPLY_PASSWORD_LATER,

	/* MAIL */
	REPLY_SENDER_OK,
	REPLY_SENDER_PRIORITY,
	REPLY_MAIL_SYNTAX,
	REPLY_SENDER_LONG,
	REPLY_SENDER_SYNTAX,
	REPLY_ADDRESS_8BIT,
	REPLY_PARAM_UNKNOWN,
	REPLY_PARAM_MALFORMED,
	REPLY_HOLD_LIMIT,
	REPLY_BY_LIMIT,
	REPLY_NOT_YOURS, /* user */
	REPLY_TOO_BIG,
	REPLY_SIZE_LIMIT, /* octets */
	REPLY_NO_ROOM,
	REPLY_NO_MEMORY,

	/* RCPT */
	REPLY_RCPT_OK,
	REPLY_RCPT_FORWARD, /* address */
	REPLY_RCPT_MOVED,   /* address */
	REPLY_RCPT_SYNTAX,
	REPLY_RECIPIENT_LONG,
	REPLY_RECIPIENT_SYNTAX,
	REPLY_RCPT_DOMAIN,
	REPLY_RCPT_EXCESS,
	REPLY_RCPT_LATER,
	REPLY_RELAYING,
	REPLY_NO_USER,
	REPLY_REPORTS_ALONE,
	REPLY_NEXT_HOP, /* these three are replaced by what it says */
	REPLY_NEXT_HOP_UNKNOWN,
	REPLY_NEXT_HOP_LATER,
	REPLY_NEXT_HOP_SILENT,
	REPLY_ACCESS,     /* text */
	REPLY_LISTED,     /* address, zone, "; " or "", text of the list */
	REPLY_GREYLISTED, /* seconds */
	REPLY_MAILBOX_FULL,
	REPLY_MAILBOX_SIZE,

	/* DATA, BDAT, and the message */
	REPLY_START_DATA,
	REPLY_BINARY_BDAT,
	REPLY_NO_RCPT,
	REPLY_RCPT_FIRST,
	REPLY_BDAT_SEQUENCE,
	REPLY_BDAT_SYNTAX,
	REPLY_CHUNK, /* octets */
	REPLY_BARE,
	REPLY_NUL,
	REPLY_BINARY_SIGNED,
	REPLY_BINARY_DEEP,
	REPLY_BINARY_FIELD,
	REPLY_FROM_NOT_YOURS,
	REPLY_HOPS,
	REPLY_NO_AUTHOR,
	REPLY_DMARC,         /* domain */
	REPLY_SENDS_NO_MAIL, /* domain */
	REPLY_HEADER_LONG,
	REPLY_VERIFY_LATER,
	REPLY_FILTER,
	REPLY_FILTER_LATER,
	REPLY_STORE_LATER,
	REPLY_DELIVERED, /* id */
	REPLY_QUEUED,    /* id */
	REPLY_DELIVER_LATER,
	REPLY_ACCOUNT_LIMIT,
	REPLY_HELD_BACK,

	REPLIES,
};

/* How the log, in Postfix's shape, puts a refusal. */
enum reply_shape {
	SHAPE_REASON, /* "<subject>: Recipient address rejected: words" */
	SHAPE_ABOUT,  /* "<subject>: words" */
	SHAPE_WHOLE,  /* "words" */
};

struct reply_row {
	unsigned code;
	const char *enhanced; /* RFC 3463; NULL: none */
	const char *text;     /* each %s is filled in by one argument */
	const char *words;    /* for the log; NULL: the text itself */
	enum reply_shape shape;
	/* STATS_REJECTED_SYNTAX counts when it is said, all others when the
	   log tells of them; STATS_NONE: STATS_REJECTED_OTHER, then. */
	enum stats stats;
	unsigned offence; /* enum offence, of the address; OFFENCES: none */
	bool error;       /* counts towards the most errors of a session */
};

/* The row of a reply; all but REPLY_NONE have one. */
const struct reply_row *reply_row(enum smtp_reply);

enum { REPLY_TEXT = 1024, REPLY_MOST_ARGS = 4 };

/*
 * Writes the text of a reply, without its codes, or, in_log, the words of the
 * log for it.  args: see REPLY_ARGS(), or NULL.  Returns text.
 */
const char *reply_text(enum smtp_reply, const char *const *args, bool in_log,
    char text[REPLY_TEXT]);

/* Writes "550 5.1.1 ", or "354 " where there is no enhanced code. */
enum { REPLY_CODES = 16 };
const char *reply_codes(enum smtp_reply, char codes[REPLY_CODES]);

/*
 * Replies, and counts what the row says; recipients that users get wrong are
 * no offence.  Always NEXT_COMMAND, so that a command can end by returning it.
 */
enum next reply_send(struct session *, enum smtp_reply);
enum next reply_send_with(
    struct session *, enum smtp_reply, const char *const *args);

/* Does the same with another line than the row's, without its end. */
enum next reply_send_line(struct session *, enum smtp_reply, const char *line);

/* Repeats a refusal that has been counted already. */
enum next reply_repeat(struct session *, enum smtp_reply);

#endif
