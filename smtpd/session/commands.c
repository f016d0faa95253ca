/* SPDX-License-Identifier: ISC */
/* SMTP's commands as a table, and the short ones among them. */
#include "smtpd/session/commands.h"

#include "common/job/clients.h"
#include "common/sasl/sasl_server.h"
#include "common/session/secure.h"
#include "common/text/date.h"
#include "smtpd/job/requests.h"
#include "smtpd/session/params.h"
#include "smtpd/session/rcpt_policy.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	ANY =
	    STATE_START | STATE_READY | STATE_MAIL | STATE_RCPT | STATE_CHUNKS,
};

static void
greeted(struct session *s, const char *name)
{
	s->state = STATE_READY;
	session_reset(s);
	name += strspn(name, " \t");
	strlcpy(s->helo, name, sizeof(s->helo));
	/* It goes into trace headers: printable, and no comment's end. */
	for (char *p = s->helo; *p != '\0'; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr("()<>\\\"", *p) != NULL) {
			*p = '?';
		}
	}
}

static enum next
helo(struct session *s, char *name)
{
	s->esmtp = false;
	greeted(s, name);
	return reply_send_with(s, REPLY_HELLO, REPLY_ARGS(session_hostname(s)));
}

/* True unless there are no keys, or "ehlo-hide" spares the client. */
static bool
can_start_tls(const struct session *s)
{
	const struct connection *c = s->connection;

	return c->can_tls && client_is_offered(c->config, &c->peer, "STARTTLS");
}

/* One line of the reply to EHLO, if the client gets it; another follows. */
static void offer(struct session *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
offer(struct session *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	const struct connection *c = s->connection;
	if (client_is_offered(c->config, &c->peer, text)) {
		stream_printf(s->stream, "250-%s\r\n", text);
	}
}

static enum next
ehlo(struct session *s, char *name)
{
	const struct connection *c = s->connection;
	const char *keyword;
	char latest[DATE_SIZE];

	s->esmtp = true;
	greeted(s, name);
	stream_printf(s->stream, "250-%s\r\n", session_hostname(s));
	offer(s, "PIPELINING");
	offer(s, "SIZE %llu", (unsigned long long)c->config->size_limit);
	offer(s, "8BITMIME");
	offer(s, "SMTPUTF8");
	offer(s, "CHUNKING");
	offer(s, "BINARYMIME");
	offer(s, "ENHANCEDSTATUSCODES");
	offer(s, "DSN");
	offer(s, "ETRN");
	for (size_t i = 0; (keyword = params_keyword(&i)) != NULL;) {
		offer(s, "%s", keyword);
	}
	offer(s, "LIMITS RCPTMAX=%u", session_recipients(s));
	if (session_is_submission(s)) {
		date_stamp(time(NULL) + MAIL_HOLD, latest);
		offer(s, "FUTURERELEASE %d %s", MAIL_HOLD, latest);
	}
	if (s->tls[0] != '\0') {
		offer(s, "REQUIRETLS");
	}
	if (can_start_tls(s) && s->tls[0] == '\0') {
		offer(s, "STARTTLS");
	}
	if (secure_for_passwords(s->connection, s->stream) &&
	    session_may_log_in(s)) {
		char mechanisms[SASL_OFFER];
		offer(s, "AUTH %s",
		    sasl_server_offer(c, s->stream, false, mechanisms));
	}
	return reply_send_with(s, REPLY_HELLO, REPLY_ARGS("HELP"));
}

static enum next
rset(struct session *s, char *argument)
{
	(void)argument;
	session_reset(s);
	return reply_send(s, REPLY_RESET);
}

static enum next
noop(struct session *s, char *argument)
{
	(void)argument;
	return reply_send(s, REPLY_OK);
}

static enum next
quit(struct session *s, char *argument)
{
	(void)argument;
	reply_send_with(s, REPLY_BYE, REPLY_ARGS(session_hostname(s)));
	s->over = true;
	return NEXT_END;
}

static enum next
help(struct session *s, char *topic)
{
	const char *account = session_account(s);

	if (strcasecmp(topic, "STATUS") == 0) {
		stream_printf(s->stream, "211-2.0.0 Connected from %s, %s\r\n",
		    session_peer(s),
		    s->tls[0] != '\0' ? s->tls : "in the clear");
		return reply_send_with(s, REPLY_STATUS,
		    REPLY_ARGS(s->user[0] != '\0'   ? "Logged in as "
			       : account[0] != '\0' ? "Trusted as "
						    : "Not logged in",
			account));
	}
	stream_printf(s->stream,
	    "214-2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP\r\n"
	    "214-2.0.0 VRFY EXPN STARTTLS AUTH ETRN\r\n");
	return reply_send(s, REPLY_HELP);
}

/* Reads what is asked about: an address, and after it SMTPUTF8 at most. */
static enum path
read_question(const char *text, struct address *a)
{
	const char *rest;
	enum path path = address_path_utf8(text, a, &rest);
	bool more = path == PATH_OK && *rest != '\0' &&
	            strcasecmp(rest, " SMTPUTF8") != 0;

	return more ? PATH_SYNTAX : path;
}

/* Tells users of ours whether an address of ours exists. */
static enum next
name_user(struct session *s, const char *text)
{
	const struct config *config = s->connection->config;
	struct resolved r;
	struct address a;
	enum rcpt_result found = RCPT_NO;

	enum path path = read_question(text, &a);
	if (path == PATH_LATER) {
		found = RCPT_TEMPORARY;
	} else if (path == PATH_OK &&
		   (a.domain[0] == '\0' || config_is_ours(config, a.domain))) {
		found = rcpt_policy_resolve(s, &a, &r);
	}
	if (found == RCPT_TEMPORARY) {
		return reply_send(s, REPLY_VRFY_LATER);
	}
	if (found != RCPT_OK) {
		return reply_send(s, REPLY_NO_USER);
	}
	if (r.kind == RESOLVED_NONE) {
		return reply_send(s, REPLY_VRFY_CANNOT);
	}
	return reply_send_with(s, REPLY_VRFY_NAME,
	    REPLY_ARGS(
		a.local, a.domain[0] != '\0' ? a.domain : config->domains[0]));
}

static bool
is_elsewhere(const struct session *s, const char *text)
{
	struct address a;

	return read_question(text, &a) == PATH_OK && a.domain[0] != '\0' &&
	       !config_is_ours(s->connection->config, a.domain);
}

static enum next
vrfy(struct session *s, char *text)
{
	if (!session_is_user(s)) {
		return reply_send(s, REPLY_VRFY_CANNOT);
	}
	/* RCPT takes it, but nobody here knows (RFC 5321 section 3.5.3). */
	return is_elsewhere(s, text) ? reply_send(s, REPLY_VRFY_CANNOT)
	                             : name_user(s, text);
}

static enum next
expn(struct session *s, char *text)
{
	if (!session_is_user(s)) {
		return reply_send(s, REPLY_EXPN_USERS);
	}
	return name_user(s, text);
}

/*
 * The server starts a new session process on this connection, one that begins
 * with the handshake: whatever was said in the clear is forgotten with this
 * one (RFC 3207 section 4.2).
 */
static enum next
starttls(struct session *s, char *argument)
{
	const struct connection *c = s->connection;
	const char *pending;

	(void)argument;
	if (s->tls[0] != '\0') {
		return reply_send(s, REPLY_TLS_ALREADY);
	}
	if (!can_start_tls(s)) {
		return reply_send(s, REPLY_TLS_NONE);
	}
	if (stream_buffered(s->stream, &pending) > 0) {
		/* Injected, or a client that must not go on (CVE-2011-0411). */
		reply_send(s, REPLY_TLS_PIPELINED);
		return NEXT_END;
	}
	if (stream_flush(s->stream) == -1) {
		return NEXT_END;
	}
	/* If it is, this process does not live to the answer. */
	(void)!channel_call(c->channel, REQUEST_TLS, NULL, 0);
	return reply_send(s, REPLY_TLS_LATER);
}

/* RFC 1985 */
static enum next
etrn(struct session *s, char *node)
{
	if (!etrn_valid(node, strlen(node) + 1)) {
		return reply_send(s, REPLY_ETRN_SYNTAX);
	}
	if (!etrn_allowed(s->connection->config, node)) {
		return reply_send(s, REPLY_ETRN_DOMAIN);
	}
	/* Reading the queue takes time: strangers may not ask for ever. */
	s->counts.errors += !session_is_user(s);
	switch (channel_call(
	    s->connection->channel, REQUEST_FLUSH, node, strlen(node) + 1)) {
	case STATUS_QUEUED:
		return reply_send(s, REPLY_ETRN_SENDING);
	case STATUS_OK:
		return reply_send(s, REPLY_ETRN_NOTHING);
	case STATUS_NO:
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_FULL:
	case STATUS_LATER:
	case STATUS_LIMITED:
		break;
	}
	return reply_send(s, REPLY_ETRN_LATER);
}

/* In the order of RFC 5321 section 4.1.1, then the extensions. */
const struct command commands_smtp[] = {
	{ "EHLO", ANY, ARG_REQUIRED, ehlo },
	{ "HELO", ANY, ARG_REQUIRED, helo },
	{ "MAIL", STATE_READY, ARG_REQUIRED, command_mail },
	{ "RCPT", STATE_MAIL | STATE_RCPT, ARG_REQUIRED, command_rcpt },
	{ "DATA", STATE_MAIL | STATE_RCPT, ARG_NONE, command_data },
	/* In all states: its data must not be taken for commands. */
	{ "BDAT", ANY, ARG_OPTIONAL, command_bdat },
	{ "RSET", ANY, ARG_NONE, rset },
	{ "VRFY", ANY, ARG_REQUIRED, vrfy },
	{ "EXPN", ANY, ARG_REQUIRED, expn },
	{ "HELP", ANY, ARG_OPTIONAL, help },
	{ "NOOP", ANY, ARG_OPTIONAL, noop },
	{ "QUIT", ANY, ARG_NONE, quit },
	{ "STARTTLS", STATE_START | STATE_READY, ARG_NONE, starttls },
	{ "AUTH", STATE_START | STATE_READY, ARG_REQUIRED, command_auth },
	{ "ETRN", STATE_READY, ARG_REQUIRED, etrn },
	{ "XPASSWD", STATE_READY, ARG_REQUIRED, command_xpasswd },
	{ NULL, 0, ARG_NONE, NULL },
};

enum next
commands_refuse(
    struct session *s, const struct command *command, enum refusal why)
{
	switch (why) {
	case REFUSE_UNKNOWN:
		break;
	case REFUSE_STATE:
		return reply_send(
		    s, s->state == STATE_START    ? REPLY_HELLO_FIRST
		       : s->state == STATE_CHUNKS ? REPLY_IN_CHUNKS
		       : s->state > STATE_READY   ? REPLY_IN_TRANSACTION
						  : REPLY_SEQUENCE);
	case REFUSE_ARGUMENT:
		return reply_send_with(s,
		    command->argument == ARG_NONE ? REPLY_NO_ARGUMENT
						  : REPLY_ARGUMENT,
		    REPLY_ARGS(command->verb));
	}
	return reply_send(s, REPLY_UNKNOWN);
}
