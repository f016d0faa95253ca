/* SPDX-License-Identifier: ISC */
/* The life of an SMTP session: handshake, greeting, commands, good-bye. */
#include "smtpd/session/session.h"

#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/session/offence.h"
#include "common/session/secure.h"
#include "common/tls/tls.h"
#include "smtpd/session/early_talker.h"
#include "smtpd/session/events.h"
#include "smtpd/session/incoming.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/strict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TIMEOUT = 5 * 60 * 1000,       /* RFC 5321 section 4.5.3.2.7 */
	LIFETIME = 4 * 60 * 60 * 1000, /* of a whole session */
	MOST_ERRORS = 20,
	MOST_IDLE = 100,          /* commands, of strangers */
	BEFORE_LOGIN = 64 * 1024, /* octets */
};

const char *
session_peer(const struct session *s)
{
	return s->connection->peer.address;
}

/* An error: of the session, of the address, and one that takes its time. */
static void
failed(struct session *s, const char *reply)
{
	s->errors++;
	/* 500, 501 and 503: no command, no right one, not here. */
	if (strncmp(reply, "50", 2) == 0 && strchr("013", reply[2]) != NULL) {
		offence_report(s->connection, OFFENCE_SYNTAX);
	}
	offence_delay(s->connection);
}

enum next
session_reply(struct session *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (text[0] == '4' || text[0] == '5') {
		failed(s, text);
	}
	stream_printf(s->stream, "%s\r\n", text);
	s->said = text[0];
	if (strncmp(text, "50", 2) == 0) {
		stats_add(STATS_REJECTED_SYNTAX, 1);
	}
	return NEXT_COMMAND;
}

void
session_reset(struct session *s)
{
	mail_free(&s->mail);
	memset(&s->mail, 0, sizeof(s->mail));
	s->binary = false;
	s->accepted = s->refused = 0;
	stream_pace(s->stream, 0);
	if (s->state > STATE_READY) {
		s->state = STATE_READY;
	}
}

bool
session_is_user(const struct session *s)
{
	return s->user[0] != '\0' || s->connection->role == ROLE_LOCAL;
}

bool
session_is_submission(const struct session *s)
{
	return s->connection->role != ROLE_MX || session_is_user(s);
}

enum profile
session_profile(const struct session *s)
{
	const struct config *config = s->connection->config;

	switch (s->connection->role) {
	case ROLE_MX:
		return config->profile_mx;
	case ROLE_SUBMISSION:
		return config->profile_submission;
	case ROLE_LOCAL:
		break;
	}
	return PROFILE_SUBMISSION;
}

bool
session_is_flood(const struct session *s)
{
	return s->connection->role == ROLE_SUBMISSION && !session_is_user(s) &&
	       stream_received(s->stream) > BEFORE_LOGIN;
}

enum next
session_bad_line(struct session *s, enum line line)
{
	switch (line) {
	case LINE_OK:
		return NEXT_COMMAND;
	case LINE_LONG:
		return reply_send(s, REPLY_LINE_LONG);
	case LINE_BAD:
		return reply_send(s, REPLY_LINE_BAD);
	case LINE_FLOOD:
		reply_send(s, REPLY_LINE_LONG);
		event_end(s, "too many errors");
		break;
	case LINE_TIMEOUT:
	case LINE_LATE:
		event_end(s, "timeout");
		reply_send_with(s, REPLY_TOO_SLOW,
		    REPLY_ARGS(s->connection->config->hostname));
		break;
	case LINE_SHUTDOWN:
		reply_send_with(s, REPLY_SHUTDOWN,
		    REPLY_ARGS(s->connection->config->hostname));
		break;
	case LINE_EOF:
		event_end(s, "lost connection");
		break;
	}
	return NEXT_END;
}

/* What BDAT announces must not be obeyed, even if the line is no good. */
static bool
is_bdat(const char *line)
{
	return strncasecmp(line, "BDAT", 4) == 0;
}

/* VRFY and EXPN that ask for UTF-8 (RFC 6531 section 3.7.4.2). */
static bool
is_utf8_question(const char *line)
{
	static const char word[] = " SMTPUTF8";
	size_t n = strlen(line), len = sizeof(word) - 1;

	return n > len && strcasecmp(line + n - len, word) == 0 &&
	       (strncasecmp(line, "VRFY ", 5) == 0 ||
		   strncasecmp(line, "EXPN ", 5) == 0);
}

/* Whether the line holds bytes outside ASCII where none may be. */
static bool
eight_bit(const char *line)
{
	/* MAIL and RCPT say more precisely what they do not like. */
	if (strncasecmp(line, "MAIL ", 5) == 0 ||
	    strncasecmp(line, "RCPT ", 5) == 0 || is_bdat(line) ||
	    is_utf8_question(line)) {
		return false;
	}
	for (; *line != '\0'; line++) {
		if ((*line & 0x80) != 0) {
			return true;
		}
	}
	return false;
}

static void
trim(char *line)
{
	size_t n = strlen(line);

	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
		line[--n] = '\0';
	}
}

const char *
session_verb(const char *line)
{
	size_t n = strcspn(line, " \t\r\n");

	for (const struct command *c = smtp_commands; c->verb != NULL; c++) {
		if (strlen(c->verb) == n &&
		    strncasecmp(c->verb, line, n) == 0) {
			return c->verb;
		}
	}
	return "UNKNOWN";
}

/* Runs a command that is a line, and counts it. */
static enum next
run(struct session *s, char *line)
{
	const char *verb = session_verb(line);

	strlcpy(s->verb, verb, sizeof(s->verb));
	s->said = '\0';
	enum next next =
	    command_run(smtp_commands, s->state, s, line, command_refused);
	tally_add(&s->tally, verb, s->said == '2');
	return next;
}

static enum next
one_command(struct session *s)
{
	char line[LINE_AUTH + 64];
	size_t len;

	line[0] = '\0'; /* not every bad line comes */
	/* Between transactions a shutdown ends the session at once. */
	stream_interruptible(s->stream, s->state <= STATE_READY);
	enum line got = stream_getline(s->stream, line, sizeof(line), &len);
	stream_interruptible(s->stream, false);
	if (got == LINE_OK && len >= LINE_COMMAND &&
	    strncasecmp(line, "AUTH ", 5) != 0) {
		got = LINE_LONG;
	}
	if (got != LINE_OK) {
		enum next next = session_bad_line(s, got);
		return is_bdat(line) ? NEXT_END : next;
	}
	trim(line);
	if (eight_bit(line)) {
		tally_add(&s->tally, "", false);
		return reply_send(s, REPLY_NOT_ASCII);
	}
	if (command_is_http(line)) {
		tally_add(&s->tally, "", false);
		snprintf(s->verb, sizeof(s->verb), "HTTP");
		event_end(s, "too many errors");
		reply_send(s, REPLY_WEB);
		return NEXT_END;
	}
	if (session_profile(s) == PROFILE_STRICT) {
		enum smtp_reply fault = strict_fault(line, s->esmtp);
		if (fault != REPLY_NONE) {
			return reply_send(s, fault);
		}
	}
	if (!early_talker_command(s, line)) {
		return NEXT_END;
	}
	enum next next = run(s, line);
	explicit_bzero(line, len);
	return next;
}

/* What a session has had too much of, or NULL. */
static const char *
excess(const struct session *s)
{
	if (s->errors >= MOST_ERRORS) {
		return "errors";
	}
	if (session_is_flood(s)) {
		return "octets before a login";
	}
	return s->idle >= MOST_IDLE && !session_is_user(s)
	           ? "commands without a message"
	           : NULL;
}

static void
converse(struct session *s)
{
	enum next next = NEXT_COMMAND;
	const char *what;

	while (next == NEXT_COMMAND) {
		if ((what = excess(s)) != NULL) {
			event_end(s, "too many errors");
			reply_send_with(s, REPLY_EXCESS,
			    REPLY_ARGS(s->connection->config->hostname, what));
			break;
		}
		s->idle++;
		next = one_command(s);
	}
	stream_flush(s->stream);
}

/* false: the client is not to be talked to. */
static bool
greet(struct session *s)
{
	if (s->connection->start == START_STARTTLS) {
		return true;
	}
	if (!early_talker_greet(s)) {
		stream_flush(s->stream);
		return false;
	}
	reply_send_with(
	    s, REPLY_GREETING, REPLY_ARGS(s->connection->config->hostname));
	return true;
}

/* The first line of the log, or, after STARTTLS, a count of that. */
static void
begin(struct session *s)
{
	bool again = s->connection->start == START_STARTTLS;

	strlcpy(s->verb, again ? "STARTTLS" : "CONNECT", sizeof(s->verb));
	if (again) {
		tally_add(&s->tally, s->verb, true);
	} else {
		event_connect(s);
	}
}

bool
session_run(const struct connection *c)
{
	struct session *s = calloc(1, sizeof(*s));
	struct incoming *incoming = incoming_new();
	struct stream *stream = stream_open(c->rfd, c->wfd, TIMEOUT, LIFETIME);
	char error[CONFIG_ERROR];

	if (s == NULL || incoming == NULL || stream == NULL) {
		log_error("no memory for a session");
		incoming_free(incoming);
		free(s);
		stream_close(stream);
		return true;
	}
	s->connection = c;
	s->stream = stream;
	s->incoming = incoming;
	s->state = STATE_START;
	begin(s);
	stream_accept_lf(stream, session_profile(s) == PROFILE_SUBMISSION);
	if (secure_start(c, stream, "220 2.0.0 Ready to start TLS", error)) {
		if (stream_tls(stream) != NULL) {
			tls_describe(
			    stream_tls(stream), s->tls, sizeof(s->tls));
			event_tls(s);
		}
		if (greet(s)) {
			converse(s);
		}
	} else {
		event_tls_failed(s, error);
		event_end(s, "lost connection");
	}
	event_disconnect(s);
	stream_close(stream);
	incoming_free(incoming);
	mail_free(&s->mail);
	free(s);
	return true;
}
