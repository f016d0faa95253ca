/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_SESSION_REPLY_H
#define RESTANTE_POP3D_SESSION_REPLY_H

#include "common/session/command.h"
#include "common/session/offence.h"
#include "common/session/reply_text.h"

#include <stdbool.h>

struct session;

/*
 * Every refusal of both halves of a POP3 session, as a catalogue: nothing is
 * decided by looking at a text.  What is answered by +OK is mostly figures, and
 * is written where they are known.
 */
enum pop3_reply {
	/* lines and commands */
	REPLY_LINE_LONG,
	REPLY_LINE_BAD,
	REPLY_TOO_SLOW,
	REPLY_SHUTDOWN,
	REPLY_ERRORS,
	REPLY_BEFORE_LOGIN,
	REPLY_WEB,
	REPLY_UNKNOWN,
	REPLY_NO_ARGUMENT, /* verb */
	REPLY_ARGUMENT,    /* verb */
	REPLY_LOGIN_FIRST,
	REPLY_LOGIN_ALREADY,
	REPLY_LANGUAGE,

	/* the login */
	REPLY_NEEDS_TLS,
	REPLY_NAME_8BIT,
	REPLY_NAME_LONG,
	REPLY_USER_FIRST,
	REPLY_LOGIN_WRONG,
	REPLY_LOGIN_LATER,
	REPLY_SASL_UNKNOWN,
	REPLY_SASL_INITIAL,
	REPLY_SASL_CANCELLED,
	REPLY_SASL_MALFORMED,
	REPLY_TLS_ALREADY,
	REPLY_TLS_NONE,
	REPLY_TLS_AFTER_UTF8,
	REPLY_TLS_PIPELINED,
	REPLY_TLS_LATER,

	/* the mailbox */
	REPLY_IN_USE,
	REPLY_LOGIN_DELAY, /* seconds, of them left */
	REPLY_CANNOT_OPEN,
	REPLY_NO_MBOX,
	REPLY_MEMORY,
	REPLY_CANNOT_READ,
	REPLY_CANNOT_DELETE, /* "", or what else to say */
	REPLY_DELETED_LATER,
	REPLY_DELETED_UNSYNCED,
	REPLY_UIDLS,
	REPLY_NUMBER,
	REPLY_ONE_NUMBER,
	REPLY_TOP_NUMBERS,
	REPLY_NO_MESSAGE,
	REPLY_DELETED,
	REPLY_LOCKED,
	REPLY_MESSAGE_MEMORY,
	REPLY_GONE,

	REPLIES,
};

/* RFC 2449 section 8, RFC 3206: what a client may make of it. */
enum response_code {
	RESPONSE_NONE,
	RESPONSE_AUTH,
	RESPONSE_IN_USE,
	RESPONSE_LOGIN_DELAY,
	RESPONSE_SYS_TEMP,
	RESPONSE_SYS_PERM,
};

/*
 * One with a response code is trouble of ours, or of a password; one without
 * is an error of the client's.
 */
struct reply_row {
	enum response_code response;
	const char *text; /* for reply_text_fill() */
};

const struct reply_row *reply_error_row(enum pop3_reply);

/* "[IN-USE] ", or "" for RESPONSE_NONE. */
const char *reply_response(enum response_code);

/* The response code for what has kept us from a mailbox. */
enum response_code reply_response_to(int error);

/*
 * Refuses, and counts what the row says.  Always NEXT_COMMAND, so that a
 * command can end by returning it.  reply_trouble() has the response code for
 * an errno in the place of the row's.
 */
enum next reply_error(struct session *, enum pop3_reply);
enum next reply_error_with(
    struct session *, enum pop3_reply, const char *const *args);
enum next reply_trouble(
    struct session *, enum pop3_reply, int error, const char *const *args);

/* Replies "+OK" alone, or with a text. */
enum next reply_ok(struct session *);
enum next reply_ok_with(struct session *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
