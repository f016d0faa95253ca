/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 4954): carries the exchange; a worker checks what it yields. */
#include "common/io/deadline.h"
#include "common/sasl/sasl_server.h"
#include "common/session/secure.h"
#include "smtpd/session/events.h"
#include "smtpd/session/session.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	MOST_FAILURES = 5,
	FAILURE_DELAY = 1000, /* ms from the attempt to its refusal */
};

static enum next
failed(struct session *s, const struct sasl *sasl, int64_t started)
{
	/* As long for a known user as for an unknown one. */
	int64_t left = started + FAILURE_DELAY - deadline_now();
	struct timespec ts = { .tv_sec = left / 1000,
		.tv_nsec = left % 1000 * 1000000 };

	event_login_failed(s, sasl_name(sasl->login.mechanism),
	    sasl->wrong != NULL ? sasl->wrong : "wrong name or password",
	    sasl->login.name);
	if (left > 0) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	}
	sasl_server_refused(s->stream, "334 ", &sasl->login);
	session_reply(s, "535 5.7.8 Wrong name or password");
	if (++s->logins_failed >= MOST_FAILURES) {
		session_reply(s, "421 4.7.0 %s Too many failed logins",
		    s->connection->config->hostname);
		return NEXT_END;
	}
	return NEXT_COMMAND;
}

static enum next
check(struct session *s, const struct sasl *sasl)
{
	int64_t started = deadline_now();
	enum status status = channel_call(
	    s->connection->channel, REQUEST_LOGIN, &sasl->login, LOGIN_SIZE(0));

	if (status == STATUS_OK &&
	    user_name(s->connection->config, sasl->login.name, s->user)) {
		s->method = sasl_name(sasl->login.mechanism);
		event_login(s);
		return session_reply(s, "235 2.7.0 Welcome");
	}
	if (status == STATUS_NO) {
		return failed(s, sasl, started);
	}
	return session_reply(s, "454 4.7.0 Cannot check passwords now");
}

enum next
command_auth(struct session *s, char *argument)
{
	enum next next = NEXT_COMMAND;
	struct sasl sasl;
	enum line line;

	if (session_is_user(s)) {
		return session_reply(s, "503 5.5.1 Logged in already");
	}
	if (!secure_for_passwords(s->connection, s->stream)) {
		return session_reply(
		    s, "538 5.7.11 Encryption required: STARTTLS first");
	}
	switch (sasl_server_run(
	    s->connection, s->stream, "334 ", argument, &sasl, &line)) {
	case SASL_OUTCOME_LOGIN:
		next = check(s, &sasl);
		break;
	case SASL_OUTCOME_UNKNOWN:
		session_reply(s, "504 5.5.4 Unknown mechanism");
		break;
	case SASL_OUTCOME_INITIAL:
		session_reply(
		    s, "501 5.7.0 This mechanism has no initial response");
		break;
	case SASL_OUTCOME_LINE:
		next = line == LINE_LONG
		           ? session_reply(s, "500 5.5.6 Line too long")
		           : session_bad_line(s, line);
		break;
	case SASL_OUTCOME_CANCELLED:
		session_reply(s, "501 5.7.0 Cancelled");
		break;
	case SASL_OUTCOME_MALFORMED:
		session_reply(s, "501 5.5.2 Malformed SASL data");
		break;
	case SASL_OUTCOME_TEMPORARY:
		session_reply(s, "454 4.7.0 Cannot check passwords now");
		break;
	}
	explicit_bzero(&sasl, sizeof(sasl));
	return next;
}
