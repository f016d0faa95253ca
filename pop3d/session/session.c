/* SPDX-License-Identifier: ISC */
/* What both halves of a POP3 session share: the command loop, and its log. */
#include "pop3d/session/session.h"

#include "common/io/deadline.h"
#include "common/job/clients.h"
#include "common/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void
session_offer(struct session *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (client_is_offered(s->config, s->peer, text)) {
		stream_printf(s->stream, "%s\r\n", text);
	}
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
		session_offer(
		    s, "LOGIN-DELAY %llu%s", (unsigned long long)most, user);
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
		session_offer(
		    s, "EXPIRE %llu%s", (unsigned long long)least, user);
	} else {
		session_offer(s, "EXPIRE NEVER");
	}
}

void
session_capabilities(struct session *s)
{
	static const char *const first[] = { "TOP", "UIDL", "RESP-CODES",
		"AUTH-RESP-CODE", "PIPELINING" };

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		session_offer(s, "%s", first[i]);
	}
	announce_expire(s);
	session_offer(s, "UTF8");
	session_offer(s, "LANG");
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
		reply_ok_with(s, "Languages follow");
		stream_printf(
		    s->stream, "en English\r\ni-default Default\r\n.\r\n");
		return NEXT_COMMAND;
	}
	if (strcasecmp(range, "i-default") == 0) {
		return reply_ok_with(s, "i-default It is plain English");
	}
	if (strcmp(range, "*") == 0 ||
	    (n == 2 && strncasecmp(range, "en", 2) == 0)) {
		return reply_ok_with(s, "en English it is");
	}
	return reply_error(s, REPLY_LANGUAGE);
}

/* ---- the command loop ---- */

static unsigned
state(const struct session *s)
{
	return s->state;
}

static bool
is_before_login(const struct session *s)
{
	return s->state == STATE_AUTHORIZATION;
}

/* A client that has logged in may lose deletions by an end: it has to err all
   the time for that. */
static bool
is_logged_in(const struct session *s)
{
	return s->state == STATE_TRANSACTION;
}

static void
excess(struct session *s, enum excess what)
{
	reply_error(
	    s, what == EXCESS_ERRORS ? REPLY_ERRORS : REPLY_BEFORE_LOGIN);
}

static enum next
bad_line(struct session *s, enum line got, const char *line)
{
	(void)line;
	return session_bad_line(s, got);
}

enum line_check
session_check_web(struct session *s, char *line)
{
	if (!command_is_http(line)) {
		return CHECK_PASSED;
	}
	reply_error(s, REPLY_WEB);
	return CHECK_FATAL;
}

static enum next
refuse(struct session *s, const struct command *command, enum refusal why)
{
	switch (why) {
	case REFUSE_UNKNOWN:
		break;
	case REFUSE_STATE:
		return reply_error(s, is_before_login(s) ? REPLY_LOGIN_FIRST
							 : REPLY_LOGIN_ALREADY);
	case REFUSE_ARGUMENT:
		return reply_error_with(s,
		    command->argument == ARG_NONE ? REPLY_NO_ARGUMENT
						  : REPLY_ARGUMENT,
		    REPLY_ARGS(command->verb));
	}
	return reply_error(s, REPLY_UNKNOWN);
}

enum next
session_bad_line(struct session *s, enum line line)
{
	switch (line) {
	case LINE_LONG:
		return reply_error(s, REPLY_LINE_LONG);
	case LINE_BAD:
		return reply_error(s, REPLY_LINE_BAD);
	case LINE_FLOOD:
		reply_error(s, REPLY_LINE_LONG);
		break;
	case LINE_TIMEOUT:
	case LINE_LATE:
		s->ending = ENDING_TIMEOUT;
		reply_error(s, REPLY_TOO_SLOW);
		break;
	case LINE_SHUTDOWN:
		reply_error(s, REPLY_SHUTDOWN);
		break;
	case LINE_OK:
	case LINE_EOF:
		break;
	}
	return NEXT_END;
}

void
session_converse(struct session *s, const struct command *commands,
    enum line_check (*check)(struct session *, char *line))
{
	enum line_check (*const checks[])(
	    struct session *, char *) = { check, NULL };
	const struct dialogue dialogue = {
		.commands = commands,
		.state = state,
		.longest = LINE_COMMAND,
		.longest_auth = LINE_AUTH,
		.must_log_in = is_before_login,
		.must_progress = is_before_login,
		.forgives = is_logged_in,
		.excess = excess,
		.bad_line = bad_line,
		.checks = checks,
		.refuse = refuse,
	};

	stream_interruptible(s->stream, true);
	dialogue_run(&dialogue, s, s->stream, &s->counts);
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
