/* SPDX-License-Identifier: ISC */
/* The catalogue of refusals, and how replies are given. */
#include "pop3d/session/reply.h"

#include "pop3d/session/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 512 };

static const struct reply_row rows[REPLIES] = {
	/* lines and commands */
	[REPLY_LINE_LONG] = { RESPONSE_NONE, "Line too long" },
	[REPLY_LINE_BAD] = { RESPONSE_NONE, "NUL or bare CR in a command" },
	[REPLY_TOO_SLOW] = { RESPONSE_NONE,
	    "Too slow, closing; nothing is deleted" },
	[REPLY_SHUTDOWN] = { RESPONSE_SYS_TEMP,
	    "Shutting down, try again soon; nothing is deleted" },
	[REPLY_ERRORS] = { RESPONSE_NONE, "Too many errors, closing" },
	[REPLY_BEFORE_LOGIN] = { RESPONSE_NONE, "Too much before a login" },
	[REPLY_WEB] = { RESPONSE_SYS_PERM, "This is a mail server" },
	[REPLY_UNKNOWN] = { RESPONSE_NONE, "Unknown command" },
	[REPLY_NO_ARGUMENT] = { RESPONSE_NONE, "%s takes no argument" },
	[REPLY_ARGUMENT] = { RESPONSE_NONE, "%s takes an argument" },
	[REPLY_LOGIN_FIRST] = { RESPONSE_NONE, "Log in first" },
	[REPLY_LOGIN_ALREADY] = { RESPONSE_NONE, "Logged in already" },
	[REPLY_LANGUAGE] = { RESPONSE_NONE, "Only English is available" },

	/* the login */
	[REPLY_NEEDS_TLS] = { RESPONSE_AUTH,
	    "Passwords need TLS here: STLS first" },
	/* Refused for what it is: no user anywhere has such a name. */
	[REPLY_NAME_8BIT] = { RESPONSE_AUTH, "Names are ASCII here" },
	[REPLY_NAME_LONG] = { RESPONSE_AUTH, "Name too long" },
	[REPLY_USER_FIRST] = { RESPONSE_NONE, "USER comes first" },
	[REPLY_LOGIN_WRONG] = { RESPONSE_AUTH, "Wrong name or password" },
	[REPLY_LOGIN_LATER] = { RESPONSE_SYS_TEMP,
	    "Cannot check passwords now, try again soon" },
	[REPLY_SASL_UNKNOWN] = { RESPONSE_NONE, "Unknown mechanism" },
	[REPLY_SASL_INITIAL] = { RESPONSE_NONE,
	    "This mechanism has no initial response" },
	[REPLY_SASL_CANCELLED] = { RESPONSE_NONE, "Cancelled" },
	[REPLY_SASL_MALFORMED] = { RESPONSE_NONE, "Malformed SASL data" },
	[REPLY_TLS_ALREADY] = { RESPONSE_NONE, "TLS is on already" },
	[REPLY_TLS_NONE] = { RESPONSE_NONE, "There is no TLS here" },
	[REPLY_TLS_AFTER_UTF8] = { RESPONSE_NONE, "STLS comes before UTF8" },
	[REPLY_TLS_PIPELINED] = { RESPONSE_NONE, "Nothing may follow STLS" },
	[REPLY_TLS_LATER] = { RESPONSE_SYS_TEMP, "TLS is not available now" },

	/* the mailbox */
	[REPLY_IN_USE] = { RESPONSE_IN_USE,
	    "Another session has this mailbox open" },
	[REPLY_LOGIN_DELAY] = { RESPONSE_LOGIN_DELAY,
	    "Only one login every %s seconds; try again in %s" },
	[REPLY_CANNOT_OPEN] = { RESPONSE_SYS_TEMP,
	    "Cannot open the mailbox now" },
	[REPLY_NO_MBOX] = { RESPONSE_SYS_PERM,
	    "The mailbox is a file of another kind" },
	[REPLY_MEMORY] = { RESPONSE_SYS_TEMP, "No memory" },
	[REPLY_CANNOT_READ] = { RESPONSE_SYS_TEMP,
	    "Cannot read the mailbox; log in again" },
	[REPLY_CANNOT_DELETE] = { RESPONSE_SYS_TEMP,
	    "Messages were not deleted%s" },
	[REPLY_DELETED_LATER] = { RESPONSE_SYS_TEMP,
	    "Some messages may be there still, until the next login" },
	[REPLY_DELETED_UNSYNCED] = { RESPONSE_SYS_TEMP,
	    "Messages may come back, they are not deleted for good" },
	[REPLY_UIDLS] = { RESPONSE_SYS_TEMP,
	    "UIDLs are unavailable; log in again" },
	[REPLY_NUMBER] = { RESPONSE_NONE, "A message number is expected" },
	[REPLY_ONE_NUMBER] = { RESPONSE_NONE, "One number is expected" },
	[REPLY_TOP_NUMBERS] = { RESPONSE_NONE,
	    "TOP takes a message number and a number of lines" },
	[REPLY_NO_MESSAGE] = { RESPONSE_NONE, "There is no such message" },
	[REPLY_DELETED] = { RESPONSE_NONE, "That message is deleted" },
	[REPLY_LOCKED] = { RESPONSE_IN_USE, "The mailbox is locked" },
	[REPLY_MESSAGE_MEMORY] = { RESPONSE_SYS_TEMP,
	    "No memory for that message now" },
	[REPLY_GONE] = { RESPONSE_SYS_TEMP, "That message no longer exists" },
};

const struct reply_row *
reply_error_row(enum pop3_reply reply)
{
	return &rows[reply];
}

const char *
reply_response(enum response_code code)
{
	static const char *const texts[] = {
		[RESPONSE_NONE] = "",
		[RESPONSE_AUTH] = "[AUTH] ",
		[RESPONSE_IN_USE] = "[IN-USE] ",
		[RESPONSE_LOGIN_DELAY] = "[LOGIN-DELAY] ",
		[RESPONSE_SYS_TEMP] = "[SYS/TEMP] ",
		[RESPONSE_SYS_PERM] = "[SYS/PERM] ",
	};

	return texts[code];
}

enum response_code
reply_response_to(int error)
{
	switch (error) {
	case EWOULDBLOCK:
		return RESPONSE_IN_USE;
	case EACCES:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOEXEC: /* FOREIGN_FILE */
	case ENOTDIR:
	case EPERM:
	case EROFS:
		return RESPONSE_SYS_PERM; /* until somebody sees to it */
	default:
		return RESPONSE_SYS_TEMP;
	}
}

/* True if honest clients are told that: of messages that are not there, of what
   a session has done already. */
static bool
is_harmless(enum pop3_reply reply)
{
	return reply == REPLY_NO_MESSAGE || reply == REPLY_DELETED ||
	       reply == REPLY_LOGIN_ALREADY || reply == REPLY_LANGUAGE;
}

/* Counts an error: of the session and, before login, of the address. */
static void
count(struct session *s, enum pop3_reply reply)
{
	bool syntax = rows[reply].response == RESPONSE_NONE;

	s->counts.errors += syntax && !is_harmless(reply);
	if (s->connection == NULL) {
		return; /* the mailbox process */
	}
	if (syntax || reply == REPLY_WEB) {
		offence_report(
		    s->connection, syntax ? OFFENCE_SYNTAX : OFFENCE_ABUSE);
	}
	offence_delay(s->connection);
}

static enum next
refuse(struct session *s, enum pop3_reply reply, enum response_code code,
    const char *const *args)
{
	char text[TEXT];

	count(s, reply);
	stream_printf(s->stream, "-ERR %s%s\r\n", reply_response(code),
	    reply_text_fill(rows[reply].text, args, text, sizeof(text)));
	return NEXT_COMMAND;
}

enum next
reply_error_with(
    struct session *s, enum pop3_reply reply, const char *const *args)
{
	return refuse(s, reply, rows[reply].response, args);
}

enum next
reply_error(struct session *s, enum pop3_reply reply)
{
	return reply_error_with(s, reply, NULL);
}

enum next
reply_trouble(struct session *s, enum pop3_reply reply, int error,
    const char *const *args)
{
	return refuse(s, reply, reply_response_to(error), args);
}

enum next
reply_ok(struct session *s)
{
	stream_printf(s->stream, "+OK\r\n");
	return NEXT_COMMAND;
}

enum next
reply_ok_with(struct session *s, const char *fmt, ...)
{
	char text[TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	stream_printf(s->stream, "+OK %s\r\n", text);
	return NEXT_COMMAND;
}
