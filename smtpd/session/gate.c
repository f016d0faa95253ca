/* SPDX-License-Identifier: ISC */
/* Strangers who want to send to somebody here. */
#include "smtpd/session/gate.h"

#include "smtpd/session/exempt.h"
#include "smtpd/session/session.h"
#include "smtpd/worker/greylist.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether anything here is about this client and this recipient. */
static bool
is_about(const struct session *s, const struct address *rcpt)
{
	return strcasecmp(rcpt->local, "postmaster") != 0 && !exempt_client(s);
}

/* Whether a list has the client; found out once. */
static bool
is_listed(struct session *s)
{
	const struct connection *c = s->connection;
	struct gate *g = &s->gate;

	if (!g->asked) {
		g->asked = true;
		g->listed = channel_ask(c->channel, REQUEST_DNSBL, NULL, 0,
				&g->answer, sizeof(g->answer)) == STATUS_OK &&
		            g->answer.list < c->config->ndnsbl;
		g->answer.text[DNSBL_TEXT - 1] = '\0';
	}
	return g->listed;
}

bool
gate_client(
    struct session *s, const struct address *rcpt, char reply[GATE_REPLY])
{
	const struct config *config = s->connection->config;
	const struct gate *g = &s->gate;

	if (config->ndnsbl == 0 || !is_about(s, rcpt) || !is_listed(s)) {
		return true;
	}
	/* In the words that programs which read logs know from Postfix. */
	snprintf(reply, GATE_REPLY,
	    "554 5.7.1 Service unavailable; Client host [%s] blocked using "
	    "%s%s%s",
	    session_peer(s), config->dnsbl[g->answer.list].zone,
	    g->answer.text[0] != '\0' ? "; " : "", g->answer.text);
	return false;
}

bool
gate_mail(struct session *s, const struct address *rcpt, char reply[GATE_REPLY])
{
	const struct connection *c = s->connection;
	struct greylist g = { .sender = "" };

	if (c->config->greylist == 0 || s->gate.ungreyed ||
	    !is_about(s, rcpt)) {
		return true;
	}
	strlcpy(g.sender, s->mail.sender, sizeof(g.sender));
	address_text(rcpt, g.rcpt, sizeof(g.rcpt));
	enum status status =
	    channel_call(c->channel, REQUEST_GREY, &g, sizeof(g));
	s->gate.ungreyed = status == STATUS_TEMPORARY;
	if (status != STATUS_NO) {
		return true;
	}
	snprintf(reply, GATE_REPLY,
	    "450 4.7.1 Greylisted: try again in %u seconds or later",
	    c->config->greylist);
	return false;
}
