/* SPDX-License-Identifier: ISC */
/* What both halves of a POP3 session share: replies and the command loop. */
#include "pop3d/session/session.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/session/offence.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* An error: of the session and, before login, of the address. */
static void
failed(struct session *s, const char *reply)
{
	/* With a response code it is trouble of ours, or of a password. */
	bool syntax = strncmp(reply, "-ERR [", 6) != 0;

	s->errors += syntax;
	if (s->connection == NULL) {
		return;
	}
	if (syntax) {
		offence_report(s->connection, OFFENCE_SYNTAX);
	}
	offence_delay(s->connection);
}

enum next
session_reply(struct session *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text) - 2, fmt, ap);
	va_end(ap);
	if (text[0] == '-') {
		failed(s, text);
	}
	stream_printf(s->stream, "%s\r\n", text);
	return NEXT_COMMAND;
}

/*
 * LOGIN-DELAY: the user's own; before the login the most that anybody has, and
 * "USER" if the user's may be another one (RFC 2449 section 6.5).
 */
static void
announce_delay(struct session *s)
{
	uint64_t least, most;
	const char *user = "";

	if (s->user != NULL) {
		most = limits_of(&s->config->login_delay, s->user);
	} else if (limits_range(&s->config->login_delay, &least, &most)) {
		user = " USER";
	}
	if (most > 0) {
		stream_printf(s->stream, "LOGIN-DELAY %llu%s\r\n",
		    (unsigned long long)most, user);
	}
}

/* EXPIRE: the same with the least, or NEVER (RFC 2449 section 6.7). */
static void
announce_expire(struct session *s)
{
	uint64_t least, most;
	const char *user = "";

	if (s->user != NULL) {
		least = limits_of(&s->config->expire, s->user);
	} else if (limits_range(&s->config->expire, &least, &most)) {
		user = " USER";
	}
	if (least > 0) {
		stream_printf(s->stream, "EXPIRE %llu%s\r\n",
		    (unsigned long long)least, user);
	} else {
		stream_printf(s->stream, "EXPIRE NEVER\r\n");
	}
}

void
session_capabilities(struct session *s)
{
	stream_printf(s->stream, "TOP\r\nUIDL\r\nRESP-CODES\r\n"
				 "AUTH-RESP-CODE\r\nPIPELINING\r\n");
	announce_expire(s);
	stream_printf(s->stream, "UTF8\r\nLANG\r\n");
	announce_delay(s);
}

/*
 * We speak English, whatever is asked for.  The argument is a basic language
 * range: it names the language itself, a variety of it, or takes what comes.
 */
enum next
session_lang(struct session *s, char *range)
{
	size_t n = strcspn(range, "-");

	if (*range == '\0') {
		session_reply(s, "+OK Languages follow");
		stream_printf(
		    s->stream, "en English\r\ni-default Default\r\n.\r\n");
		return NEXT_COMMAND;
	}
	if (strcasecmp(range, "i-default") == 0) {
		return session_reply(s, "+OK i-default It is plain English");
	}
	if (strcmp(range, "*") == 0 ||
	    (n == 2 && strncasecmp(range, "en", 2) == 0)) {
		return session_reply(s, "+OK en English it is");
	}
	return session_reply(s, "-ERR There is only English here");
}

const char *
session_trouble(int error)
{
	switch (error) {
	case EWOULDBLOCK:
		return "[IN-USE]";
	case EACCES:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case ENOTDIR:
	case EPERM:
	case EROFS:
		return "[SYS/PERM]"; /* until somebody sees to it */
	default:
		return "[SYS/TEMP]";
	}
}

static enum next
refused(struct session *s, const struct command *command, enum refusal why)
{
	switch (why) {
	case REFUSE_UNKNOWN:
		break;
	case REFUSE_STATE:
		return session_reply(s, "-ERR %s",
		    s->state == STATE_AUTHORIZATION ? "Log in first"
						    : "Logged in already");
	case REFUSE_ARGUMENT:
		return session_reply(s, "-ERR %s takes %s", command->verb,
		    command->argument == ARG_NONE ? "no argument"
						  : "an argument");
	}
	return session_reply(s, "-ERR Unknown command");
}

enum next
session_bad_line(struct session *s, enum line line)
{
	switch (line) {
	case LINE_LONG:
		return session_reply(s, "-ERR Line too long");
	case LINE_BAD:
		return session_reply(s, "-ERR NUL or bare CR in a command");
	case LINE_FLOOD:
		session_reply(s, "-ERR Line too long");
		break;
	case LINE_TIMEOUT:
	case LINE_LATE:
		s->ending = ENDING_TIMEOUT;
		session_reply(s, "-ERR Too slow, closing; nothing is deleted");
		break;
	case LINE_SHUTDOWN:
		session_reply(s, "-ERR [SYS/TEMP] Shutting down, try again "
				 "soon; nothing is deleted");
		break;
	case LINE_OK:
	case LINE_EOF:
		break;
	}
	return NEXT_END;
}

static enum next
one_command(struct session *s, const struct command *table)
{
	static char line[LINE_AUTH + 1]; /* on the stack it costs pages */
	size_t len;

	enum line got = stream_getline(s->stream, line, sizeof(line), &len);
	if (got == LINE_OK && len > LINE_COMMAND &&
	    strncasecmp(line, "AUTH ", 5) != 0) {
		got = LINE_LONG;
	}
	if (got != LINE_OK) {
		return session_bad_line(s, got);
	}
	if (s->state == STATE_AUTHORIZATION && command_is_http(line)) {
		offence_report(s->connection, OFFENCE_ABUSE);
		session_reply(s, "-ERR [SYS/PERM] This is a mail server");
		return NEXT_END;
	}
	session_lock_touch(s->lock);
	enum next next = command_run(table, s->state, s, line, refused);
	explicit_bzero(line, len);
	return next;
}

void
session_converse(struct session *s, const struct command *table)
{
	enum next next = NEXT_COMMAND;

	stream_interruptible(s->stream, true);
	for (unsigned n = 0; next == NEXT_COMMAND; n++) {
		if (s->errors >= MOST_ERRORS) {
			session_reply(s, "-ERR Too many errors, closing");
			break;
		}
		if (s->state == STATE_AUTHORIZATION &&
		    (n >= MOST_COMMANDS ||
			stream_received(s->stream) > BEFORE_LOGIN)) {
			session_reply(s, "-ERR Too much before a login");
			break;
		}
		next = one_command(s, table);
	}
	stream_flush(s->stream);
}

void
session_refused(const char *address, const char *reply, const char *why)
{
	(void)reply;
	log_warn("DISCONNECTED, ip=[%s], refused: %s", address, why);
}

void
session_log_ending(const struct session *s, int64_t started)
{
	static const char *const words[] = {
		[ENDING_LOST] = "DISCONNECTED",
		[ENDING_TIMEOUT] = "TIMEOUT",
		[ENDING_QUIT] = "LOGOUT",
	};

	log_info("%s, user=%s, ip=[%s], port=[%u], top=%llu, retr=%llu, "
		 "rcvd=%llu, sent=%llu, time=%lld",
	    words[s->ending], s->user, s->peer->address, s->peer->port,
	    s->topped, s->retrieved,
	    (unsigned long long)stream_received(s->stream),
	    (unsigned long long)stream_sent(s->stream),
	    (long long)(deadline_now() - started) / 1000);
}
