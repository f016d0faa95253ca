/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 4954): carries the exchange; a worker checks what it yields. */
#include "common/io/deadline.h"
#include "common/sasl/sasl_server.h"
#include "common/session/secure.h"
#include "smtpd/session/bad_line.h"
#include "smtpd/session/commands.h"
#include "smtpd/session/events.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/session.h"

#include <string.h>
#include <strings.h>

enum { MOST_FAILURES = 5 };

enum next
auth_refuse(struct session *s, enum smtp_reply reply, unsigned most)
{
	reply_send(s, reply);
	if (++s->logins_failed >= most) {
		reply_send_with(
		    s, REPLY_LOGIN_EXCESS, REPLY_ARGS(session_hostname(s)));
		return NEXT_END;
	}
	return NEXT_COMMAND;
}

static enum next
failed(struct session *s, const struct sasl *sasl, int64_t started)
{
	event_login_failed(s, sasl_name(sasl->login.mechanism),
	    sasl->wrong != NULL ? sasl->wrong : "wrong name or password",
	    sasl->login.name);
	/* As long for a known user as for an unknown one. */
	deadline_sleep(started + AUTH_DELAY);
	sasl_server_refused(s->stream, "334 ", &sasl->login);
	return auth_refuse(s, REPLY_LOGIN_WRONG, MOST_FAILURES);
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
		return reply_send(s, REPLY_LOGIN_OK);
	}
	if (status == STATUS_NO) {
		return failed(s, sasl, started);
	}
	return reply_send(s, REPLY_LOGIN_LATER);
}

enum next
command_auth(struct session *s, char *argument)
{
	enum next next = NEXT_COMMAND;
	struct sasl sasl;
	enum line line;

	if (!session_may_log_in(s)) {
		return reply_send(s, REPLY_LOGIN_ALREADY);
	}
	if (!secure_for_passwords(s->connection, s->stream)) {
		return reply_send(s, REPLY_LOGIN_NEEDS_TLS);
	}
	switch (sasl_server_run(
	    s->connection, s->stream, "334 ", argument, &sasl, &line)) {
	case SASL_OUTCOME_LOGIN:
		next = check(s, &sasl);
		break;
	case SASL_OUTCOME_UNKNOWN:
		reply_send(s, REPLY_SASL_UNKNOWN);
		break;
	case SASL_OUTCOME_INITIAL:
		reply_send(s, REPLY_SASL_INITIAL);
		break;
	case SASL_OUTCOME_LINE:
		next = line == LINE_LONG ? reply_send(s, REPLY_LINE_LONG)
		                         : bad_line_answer(s, line);
		break;
	case SASL_OUTCOME_CANCELLED:
		reply_send(s, REPLY_SASL_CANCELLED);
		break;
	case SASL_OUTCOME_MALFORMED:
		reply_send(s, REPLY_SASL_MALFORMED);
		break;
	case SASL_OUTCOME_TEMPORARY:
		reply_send(s, REPLY_LOGIN_LATER);
		break;
	}
	explicit_bzero(&sasl, sizeof(sasl));
	return next;
}
