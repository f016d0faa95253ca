/* SPDX-License-Identifier: ISC */
/* What a session knows, and what follows from that. */
#include "smtpd/session/session.h"

#include "common/io/giveup.h"
#include "common/job/clients.h"
#include "common/text/network.h"
#include "smtpd/job/requests.h"
#include "smtpd/session/incoming.h"

#include <string.h>
#include <unistd.h>

void
session_reset(struct session *s)
{
	giveup_end();
	if (s->incoming != NULL && s->incoming->written > 0) {
		/* If that fails, the server empties the file, or closes it. */
		(void)!ftruncate(s->connection->body, 0);
		s->incoming->written = s->incoming->looked = 0;
	}
	mail_free(&s->mail);
	memset(&s->mail, 0, sizeof(s->mail));
	s->binary = false;
	s->accepted = s->refused = s->excess = 0;
	s->accepted_by = s->excused_by = 0;
	s->envelope = 0;
	stream_pace(s->stream, 0);
	if (s->state > STATE_READY) {
		s->state = STATE_READY;
	}
}

bool
session_is_user(const struct session *s)
{
	return s->connection->role == ROLE_LOCAL ||
	       session_account(s)[0] != '\0';
}

bool
session_may_log_in(const struct session *s)
{
	return s->user[0] == '\0' && s->connection->role != ROLE_LOCAL;
}

const char *
session_account(const struct session *s)
{
	const struct connection *c = s->connection;
	const char *trusted =
	    c->role == ROLE_LOCAL ? NULL : client_account(c->config, &c->peer);

	return s->user[0] != '\0' ? s->user : trusted != NULL ? trusted : "";
}

unsigned
session_recipients(const struct session *s)
{
	/* A client of port 587 is a user, or gets no further than EHLO. */
	return recipients_most(s->connection->config, s->connection->role,
	    session_is_submission(s));
}

bool
session_is_ours(const struct session *s)
{
	const struct peer *peer = &s->connection->peer;

	return session_is_user(s) ||
	       (peer->loopback && !network_is_none(peer->ip));
}

bool
session_is_submission(const struct session *s)
{
	return s->connection->role != ROLE_MX || session_is_user(s);
}

bool
session_must_log_in(const struct session *s)
{
	return s->connection->role == ROLE_SUBMISSION && !session_is_user(s);
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
	case ROLE_PASSWD: /* never here */
		break;
	}
	return PROFILE_SUBMISSION;
}

const char *
session_peer(const struct session *s)
{
	return s->connection->peer.address;
}

const char *
session_hostname(const struct session *s)
{
	return s->connection->config->hostname;
}
