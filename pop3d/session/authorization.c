/* SPDX-License-Identifier: ISC */
/*
 * The AUTHORIZATION state, in the session process.  A login that is right
 * makes the server start the mailbox process: with the client's own socket in
 * the clear, and then this process is done; or with one end of a socket pair
 * under TLS, and then this process carries the bytes.
 */
#include "common/io/deadline.h"
#include "common/job/clients.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/sasl/sasl_server.h"
#include "common/session/secure.h"
#include "pop3d/session/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MOST_FAILURES = 3,
	FAILURE_DELAY = 1000, /* ms from PASS to its refusal */
};

/* True unless there are no keys, or "ehlo-hide" spares the client. */
static bool
can_start_tls(const struct session *s)
{
	return s->connection->can_tls &&
	       client_is_offered(s->config, s->peer, "STLS");
}

static enum next
capa(struct session *s, char *argument)
{
	(void)argument;
	reply_ok_with(s, "Capabilities follow");
	session_capabilities(s);
	if (secure_for_passwords(s->connection, s->stream)) {
		char offer[SASL_OFFER];
		session_offer(s, "USER");
		session_offer(s, "SASL %s",
		    sasl_server_offer(s->connection, s->stream, true, offer));
	}
	/* RFC 6856 section 2.1: not after UTF8. */
	if (can_start_tls(s) && !s->tls && !s->utf8) {
		session_offer(s, "STLS");
	}
	stream_printf(s->stream, ".\r\n");
	return NEXT_COMMAND;
}

static enum next
noop(struct session *s, char *argument)
{
	(void)argument;
	return reply_ok(s);
}

static enum next
quit(struct session *s, char *argument)
{
	(void)argument;
	s->ending = ENDING_QUIT;
	reply_ok_with(s, "Bye");
	return NEXT_END;
}

static bool
is_ascii(const char *text)
{
	while (*text != '\0' && (*text & 0x80) == 0) {
		text++;
	}
	return *text == '\0';
}

void
session_note(struct session *s)
{
	if (!s->noted) {
		s->noted = true;
		stats_add(STATS_POP3_CONNECTIONS, 1);
		log_info("Connection, ip=[%s], port=[%u]", s->peer->address,
		    s->peer->port);
	}
}

static enum next
user(struct session *s, char *name)
{
	session_note(s);
	if (!secure_for_passwords(s->connection, s->stream)) {
		return reply_error(s, REPLY_NEEDS_TLS);
	}
	name += strspn(name, " ");
	if (!is_ascii(name)) {
		return reply_error(s, REPLY_NAME_8BIT);
	}
	if (strlcpy(s->login.name, name, sizeof(s->login.name)) >=
	    sizeof(s->login.name)) {
		s->login.name[0] = '\0';
		return reply_error(s, REPLY_NAME_LONG);
	}
	/* The reply is the same for every name, so that it tells no users. */
	return reply_ok_with(s, "Now the password");
}

static enum next
failed(struct session *s, int64_t started, const char *wrong)
{
	char name[LOGIN_NAME + 1];

	stats_login(sasl_name(s->login.mechanism), false);
	log_warn("LOGIN FAILED, user=%s, ip=[%s], port=[%u]%s%s",
	    log_value(s->login.name, name, sizeof(name)), s->peer->address,
	    s->peer->port, wrong == NULL ? "" : ", ",
	    wrong == NULL ? "" : wrong);
	deadline_sleep(started + FAILURE_DELAY);
	s->login.name[0] = '\0';
	sasl_server_refused(s->stream, "+ ", &s->login);
	reply_error(s, REPLY_LOGIN_WRONG);
	return ++s->failures >= MOST_FAILURES ? NEXT_END : NEXT_COMMAND;
}

/* Asks for the check, with these bytes. */
static enum status
check_with(struct session *s, const char *bytes, size_t n)
{
	int channel = s->connection->channel;
	char *request;

	s->login.pending = (uint32_t)n;
	if (n == 0) {
		return channel_call(
		    channel, REQUEST_LOGIN, &s->login, LOGIN_SIZE(0));
	}
	if ((request = malloc(LOGIN_SIZE(n))) == NULL) {
		return STATUS_TEMPORARY;
	}
	memcpy(request, &s->login, LOGIN_SIZE(0));
	memcpy(request + LOGIN_SIZE(0), bytes, n);
	enum status status =
	    channel_call(channel, REQUEST_LOGIN, request, LOGIN_SIZE(n));
	explicit_bzero(request, LOGIN_SIZE(n));
	free(request);
	return status;
}

/* The same; what the client sent after PASS goes along. */
static enum status
check(struct session *s)
{
	const char *pending = NULL;
	size_t n = s->tls ? 0 : stream_buffered(s->stream, &pending);

	_Static_assert((int)LOGIN_PENDING >= (int)STREAM_BUFFERED,
	    "whatever a client pipelines goes along");
	if (stream_flush(s->stream) == -1) {
		return STATUS_TEMPORARY;
	}
	s->login.utf8 = s->utf8;
	return check_with(s, pending, n);
}

static enum next
pass(struct session *s, char *password)
{
	int64_t started = deadline_now();

	if (!secure_for_passwords(s->connection, s->stream)) {
		return reply_error(s, REPLY_NEEDS_TLS);
	}
	if (s->login.name[0] == '\0') {
		return reply_error(s, REPLY_USER_FIRST);
	}
	if (strlcpy(s->login.secret, password, sizeof(s->login.secret)) >=
	    sizeof(s->login.secret)) {
		return failed(s, started, NULL);
	}
	s->login.mechanism = MECHANISM_PLAIN;
	return session_login(s, started, NULL);
}

enum next
session_login(struct session *s, int64_t started, const char *wrong)
{
	enum status status = check(s);

	explicit_bzero(s->login.secret, sizeof(s->login.secret));
	explicit_bzero(s->login.challenge, sizeof(s->login.challenge));
	switch (status) {
	case STATUS_OK:
		stats_login(sasl_name(s->login.mechanism), true);
		s->handed_over = true;
		return NEXT_END;
	case STATUS_NO:
		return failed(s, started, wrong);
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_FULL:
	case STATUS_QUEUED:
	case STATUS_LATER:
	case STATUS_LIMITED:
		break;
	}
	return reply_error(s, REPLY_LOGIN_LATER);
}

/* As smtpd's STARTTLS: a new session process begins with the handshake. */
static enum next
stls(struct session *s, char *argument)
{
	const struct connection *c = s->connection;
	const char *pending;

	(void)argument;
	if (s->tls) {
		return reply_error(s, REPLY_TLS_ALREADY);
	}
	if (!can_start_tls(s)) {
		return reply_error(s, REPLY_TLS_NONE);
	}
	if (s->utf8) {
		return reply_error(s, REPLY_TLS_AFTER_UTF8);
	}
	if (stream_buffered(s->stream, &pending) > 0) {
		reply_error(s, REPLY_TLS_PIPELINED);
		return NEXT_END;
	}
	if (stream_flush(s->stream) == -1) {
		return NEXT_END;
	}
	/* If it is, this process does not live to the answer. */
	(void)!channel_call(c->channel, REQUEST_TLS, NULL, 0);
	return reply_error(s, REPLY_TLS_LATER);
}

/* RFC 6856 section 2; the mailbox process gets to know by the login. */
static enum next
utf8(struct session *s, char *argument)
{
	(void)argument;
	s->utf8 = true;
	return reply_ok_with(s, "UTF8");
}

static const struct command commands[] = {
	{ "CAPA", STATE_AUTHORIZATION, ARG_NONE, capa },
	{ "STLS", STATE_AUTHORIZATION, ARG_NONE, stls },
	{ "UTF8", STATE_AUTHORIZATION, ARG_NONE, utf8 },
	{ "LANG", STATE_AUTHORIZATION, ARG_OPTIONAL, session_lang },
	{ "USER", STATE_AUTHORIZATION, ARG_REQUIRED, user },
	{ "PASS", STATE_AUTHORIZATION, ARG_REQUIRED, pass },
	{ "AUTH", STATE_AUTHORIZATION, ARG_OPTIONAL, command_auth },
	{ "NOOP", STATE_AUTHORIZATION, ARG_NONE, noop },
	{ "QUIT", STATE_AUTHORIZATION, ARG_NONE, quit },
	/* Known, so that they are refused by the state and not as unknown. */
	{ "STAT", STATE_TRANSACTION, ARG_NONE, noop },
	{ "LIST", STATE_TRANSACTION, ARG_OPTIONAL, noop },
	{ "RETR", STATE_TRANSACTION, ARG_REQUIRED, noop },
	{ "DELE", STATE_TRANSACTION, ARG_REQUIRED, noop },
	{ "RSET", STATE_TRANSACTION, ARG_NONE, noop },
	{ "TOP", STATE_TRANSACTION, ARG_REQUIRED, noop },
	{ "UIDL", STATE_TRANSACTION, ARG_OPTIONAL, noop },
	{ NULL, 0, ARG_NONE, NULL },
};

static void
converse(struct session *s)
{
	if (s->connection->role == ROLE_PASSWD) {
		passwd_converse(s);
		return;
	}
	if (s->connection->start != START_STARTTLS) {
		reply_ok_with(s, "restante at %s ready", s->config->hostname);
	}
	session_converse(s, commands, session_check_web);
}

enum session_end
session_run(const struct connection *c)
{
	static struct session s;
	char error[CONFIG_ERROR];

	s.connection = c;
	s.config = c->config;
	s.peer = &c->peer;
	s.state = STATE_AUTHORIZATION;
	/* The whole of it has to be done in the time for a login; when the
	   mailbox process has taken over, that one keeps the time. */
	s.stream = stream_open(c->rfd, c->wfd, LOGIN_TIMEOUT, LOGIN_TIMEOUT);
	if (s.stream == NULL) {
		log_error("no memory for a session");
		return SESSION_CUT;
	}
	stream_accept_lf(s.stream, true);
	/* A health check of a proxy is no session until it logs in. */
	s.noted = c->start == START_STARTTLS && !c->peer.prober;
	if (!c->peer.prober) {
		session_note(&s);
	}
	if (secure_start(c, s.stream, "+OK Begin TLS", error)) {
		s.tls = stream_tls(s.stream) != NULL;
		stats_add(STATS_POP3_TLS, s.tls && s.noted);
		converse(&s);
		if (s.handed_over && s.tls) {
			stream_set_timeout(s.stream, TIMEOUT);
			stream_set_lifetime(s.stream, LIFETIME);
			pump_run(s.stream, c->mailbox);
		}
	}
	if (!s.handed_over && s.noted) {
		log_info("%s, ip=[%s]%s%s",
		    s.ending == ENDING_QUIT ? "LOGOUT" : "DISCONNECTED",
		    c->peer.address, error[0] == '\0' ? "" : ", TLS: ", error);
	}
	stream_close(s.stream);
	return s.handed_over && !s.tls ? SESSION_HANDED_ON : SESSION_OVER;
}
