/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 5034): the exchange, and then a login like that of USER and PASS.
 */
#include "common/io/deadline.h"
#include "common/sasl/sasl_server.h"
#include "common/session/secure.h"
#include "pop3d/session/session.h"

#include <string.h>

/* What AUTH alone asks for, since before there was CAPA. */
static enum next
list(struct session *s)
{
	char offer[SASL_OFFER];
	/* Their clients had USER and PASS, which served everybody. */
	const char *p =
	    sasl_server_offer(s->connection, s->stream, true, offer);

	reply_ok_with(s, "Mechanisms follow");
	while (*p != '\0') {
		size_t n = strcspn(p, " ");
		stream_printf(s->stream, "%.*s\r\n", (int)n, p);
		p += n + strspn(p + n, " ");
	}
	stream_printf(s->stream, ".\r\n");
	return NEXT_COMMAND;
}

enum next
command_auth(struct session *s, char *argument)
{
	enum next next = NEXT_COMMAND;
	struct sasl sasl;
	enum line line;

	session_note(s);
	if (!secure_for_passwords(s->connection, s->stream)) {
		return reply_error(s, REPLY_NEEDS_TLS);
	}
	if (*argument == '\0') {
		return list(s);
	}
	switch (sasl_server_run(
	    s->connection, s->stream, "+ ", argument, &sasl, &line)) {
	case SASL_OUTCOME_LOGIN:
		s->login = sasl.login;
		next = session_login(s, deadline_now(), sasl.wrong);
		/* PASS without USER is not to go on from here. */
		s->login.name[0] = '\0';
		break;
	case SASL_OUTCOME_UNKNOWN:
		reply_error(s, REPLY_SASL_UNKNOWN);
		break;
	case SASL_OUTCOME_INITIAL:
		reply_error(s, REPLY_SASL_INITIAL);
		break;
	case SASL_OUTCOME_LINE:
		next = session_bad_line(s, line);
		break;
	case SASL_OUTCOME_CANCELLED:
		reply_error(s, REPLY_SASL_CANCELLED);
		break;
	case SASL_OUTCOME_MALFORMED:
		reply_error(s, REPLY_SASL_MALFORMED);
		break;
	case SASL_OUTCOME_TEMPORARY:
		reply_error(s, REPLY_LOGIN_LATER);
		break;
	}
	explicit_bzero(&sasl, sizeof(sasl));
	return next;
}
