/* SPDX-License-Identifier: ISC */
/* The life of an SMTP session: handshake, greeting, commands, good-bye. */
#include "smtpd/session/run.h"

#include "common/log/log.h"
#include "common/session/secure.h"
#include "common/tls/tls.h"
#include "common/tls/tls_idna.h"
#include "smtpd/session/bad_line.h"
#include "smtpd/session/commands.h"
#include "smtpd/session/early_talker.h"
#include "smtpd/session/events.h"
#include "smtpd/session/incoming.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TIMEOUT = 5 * 60 * 1000, /* RFC 5321 section 4.5.3.2.7 */
	LINE_COMMAND = 2048,     /* octets, but of AUTH */
};

/* ---- checks of a line, before the table ---- */

static bool
is_bdat(const char *line)
{
	return strncasecmp(line, "BDAT", 4) == 0;
}

/* RFC 5321 section 4.1.1: blanks at the end are tolerated. */
static enum line_check
trim_blanks(struct session *s, char *line)
{
	size_t n = strlen(line);

	(void)s;
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
		line[--n] = '\0';
	}
	return CHECK_PASSED;
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

/* True for a mail program, printer or script that says the name of its machine
   as that is: on the submission ports, or one of ours on another port. */
static bool
is_local_name(const struct session *s, const char *line)
{
	enum profile profile = session_profile(s);

	return (profile == PROFILE_SUBMISSION ||
		   (profile == PROFILE_MX && session_is_ours(s))) &&
	       (strncasecmp(line, "EHLO ", 5) == 0 ||
		   strncasecmp(line, "HELO ", 5) == 0);
}

/* Refuses bytes outside ASCII where none may be. */
static enum line_check
check_ascii(struct session *s, char *line)
{
	/* MAIL and RCPT say more precisely what they do not like. */
	if (strncasecmp(line, "MAIL ", 5) == 0 ||
	    strncasecmp(line, "RCPT ", 5) == 0 || is_bdat(line) ||
	    is_utf8_question(line) || is_local_name(s, line)) {
		return CHECK_PASSED;
	}
	while (*line != '\0' && (*line & 0x80) == 0) {
		line++;
	}
	if (*line == '\0') {
		return CHECK_PASSED;
	}
	command_counts_add(&s->commands, "", false);
	reply_send(s, REPLY_NOT_ASCII);
	return CHECK_REFUSED;
}

/* Refuses web browsers, and pages made to abuse them. */
static enum line_check
check_web(struct session *s, char *line)
{
	if (!command_is_http(line)) {
		return CHECK_PASSED;
	}
	command_counts_add(&s->commands, "", false);
	snprintf(s->verb, sizeof(s->verb), "HTTP");
	event_end(s, "too many errors");
	reply_send(s, REPLY_WEB);
	return CHECK_FATAL;
}

static enum line_check
check_strict(struct session *s, char *line)
{
	enum smtp_reply fault = session_profile(s) == PROFILE_STRICT
	                            ? strict_fault(line, s->esmtp)
	                            : REPLY_NONE;

	if (fault == REPLY_NONE) {
		return CHECK_PASSED;
	}
	reply_send(s, fault);
	return CHECK_REFUSED;
}

static enum line_check
check_pipelining(struct session *s, char *line)
{
	return early_talker_command(s, line) ? CHECK_PASSED : CHECK_FATAL;
}

/* True for what health checks of a proxy say. */
static bool
is_probe(const char *verb)
{
	static const char *const verbs[] = { "EHLO", "HELO", "NOOP", "RSET",
		"HELP", "STARTTLS", "QUIT" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verb, verbs[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* The line goes to the table: that is the command to be logged and counted. */
static enum line_check
note_verb(struct session *s, char *line)
{
	strlcpy(s->verb, command_counts_verb(line), sizeof(s->verb));
	if (!s->noted && !is_probe(s->verb)) {
		event_connect(s);
	}
	s->obeyed = false;
	return CHECK_PASSED;
}

static enum line_check (*const checks[])(
    struct session *, char *) = { trim_blanks, check_ascii, check_web,
	check_strict, check_pipelining, note_verb, NULL };

/* ---- the other hooks of the loop ---- */

static unsigned
state(const struct session *s)
{
	return s->state;
}

/* Between transactions a shutdown ends the session at once. */
static bool
at_rest(const struct session *s)
{
	return s->state <= STATE_READY;
}

static bool
must_progress(const struct session *s)
{
	return !session_is_user(s);
}

static void
too_much(struct session *s, enum excess what)
{
	static const char *const words[] = {
		[EXCESS_ERRORS] = "errors",
		[EXCESS_OCTETS] = "octets before a login",
		[EXCESS_COMMANDS] = "commands without a message",
	};

	event_end(s, "too many errors");
	reply_send_with(
	    s, REPLY_EXCESS, REPLY_ARGS(session_hostname(s), words[what]));
}

/*
 * True if the input has ended where nothing is under way: a script need not say
 * QUIT, nor end its last line.  What has not been told everything was not asked
 * everything either, so that the output must have gone out, too.
 */
static bool
ended_at_rest(const struct session *s)
{
	static const char quit[] = "QUIT";
	const char *rest;

	if (!at_rest(s) || stream_flush(s->stream) == -1) {
		return false;
	}
	size_t len = stream_buffered(s->stream, &rest);
	return !stream_ended_in_line(s->stream) ||
	       (len == sizeof(quit) - 1 && strncasecmp(rest, quit, len) == 0);
}

static enum next
bad_line(struct session *s, enum line got, const char *line)
{
	s->over = got == LINE_EOF && ended_at_rest(s);
	enum next next = bad_line_answer(s, got);

	/* The data that BDAT announces must not be taken for commands. */
	return is_bdat(line) ? NEXT_END : next;
}

static void
count_command(struct session *s)
{
	/* For the log, data.c may have added to the verb: "BDAT (4 bytes)". */
	command_counts_add(
	    &s->commands, command_counts_verb(s->verb), s->obeyed);
}

static const struct dialogue smtp = {
	.commands = commands_smtp,
	.state = state,
	.longest = LINE_COMMAND - 1,
	.longest_auth = DIALOGUE_LINE,
	.at_rest = at_rest,
	.must_log_in = session_must_log_in,
	.must_progress = must_progress,
	.excess = too_much,
	.bad_line = bad_line,
	.checks = checks,
	.refuse = commands_refuse,
	.after = count_command,
};

/* ---- the session ---- */

/* Greets the client; false if there is nothing to say to it. */
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
	reply_send_with(s, REPLY_GREETING, REPLY_ARGS(session_hostname(s)));
	return true;
}

/* Writes the first line of the log; after STARTTLS counts that, instead. */
static void
begin_log(struct session *s)
{
	bool again = s->connection->start == START_STARTTLS;

	strlcpy(s->verb, again ? "STARTTLS" : "CONNECT", sizeof(s->verb));
	s->noted = !s->connection->peer.prober;
	if (again) {
		command_counts_add(&s->commands, s->verb, true);
	} else if (s->noted) {
		event_connect(s);
	}
}

/* The tables for domains are in files: a worker has them, or TLS does. */
static enum idna
ask_label(const void *context, const char *label, size_t len,
    char out[IDNA_LABEL + 1])
{
	const struct connection *c = context;

	if (tls_loaded()) {
		return tls_idna_label(NULL, label, len, out);
	}
	if (len > ADDRESS_DOMAIN) {
		return IDNA_LONG;
	}
	enum status status = channel_ask(
	    c->channel, REQUEST_LABEL, label, len, out, IDNA_LABEL + 1);
	out[IDNA_LABEL] = '\0';
	return status == STATUS_OK   ? IDNA_OK
	       : status == STATUS_NO ? IDNA_NO
	                             : IDNA_LATER;
}

enum session_end
session_run(const struct connection *c)
{
	struct session *s = calloc(1, sizeof(*s));
	struct incoming *incoming = incoming_new();
	struct stream *stream =
	    stream_open(c->rfd, c->wfd, TIMEOUT, SESSION_LIFE);
	char error[CONFIG_ERROR];

	if (s == NULL || incoming == NULL || stream == NULL) {
		log_error("no memory for a session");
		incoming_free(incoming);
		free(s);
		stream_close(stream);
		return SESSION_CUT;
	}
	s->connection = c;
	s->stream = stream;
	s->incoming = incoming;
	s->state = STATE_START;
	begin_log(s);
	idna_use(ask_label, c);
	stream_accept_lf(stream, session_profile(s) == PROFILE_SUBMISSION);
	if (secure_start(c, stream, "220 2.0.0 Ready to start TLS", error)) {
		if (stream_tls(stream) != NULL) {
			tls_describe(
			    stream_tls(stream), s->tls, sizeof(s->tls));
			event_tls(s);
		}
		if (greet(s)) {
			dialogue_run(&smtp, s, stream, &s->counts);
		}
	} else {
		event_tls_failed(s, error);
		event_end(s, "lost connection");
	}
	event_disconnect(s);
	enum session_end end = s->over ? SESSION_OVER : SESSION_CUT;
	stream_close(stream);
	incoming_free(incoming);
	mail_free(&s->mail);
	free(s);
	return end;
}
