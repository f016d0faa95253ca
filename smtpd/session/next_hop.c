/* SPDX-License-Identifier: ISC */
/* See the header.  Another process asks: see smtpd/worker/next_hop.c. */
#include "smtpd/session/next_hop.h"

#include "common/job/resident.h"
#include "smtpd/route/route.h"
#include "smtpd/session/session.h"

#include <string.h>

enum { DEEPEST = 10 };

/* The one target of an alias, if that is an address. */
static bool
follow(const struct alias *alias, struct address *next)
{
	const char *target = alias->targets, *rest;

	return alias->kind == ALIAS_LIST && target[0] != '\0' &&
	       *alias_next(target) == '\0' &&
	       strchr("\\|/:", target[0]) == NULL &&
	       address_path_utf8(target, next, &rest) == PATH_OK &&
	       *rest == '\0' && !address_is_null(next);
}

static bool
ask_about(struct next_hop_question *q, const char *text, bool user)
{
	memset(q, 0, sizeof(*q));
	q->user = user;
	return strlcpy(q->text, text, sizeof(q->text)) < sizeof(q->text);
}

bool
next_hop_question(const struct session *s, const struct address *address,
    const struct resolved *resolved, struct next_hop_question *q)
{
	const struct connection *c = s->connection;
	struct address a = *address;
	struct resolved r = *resolved;
	char text[ROUTE_ADDRESS];

	if (c->config->recipient_check != RECIPIENT_CHECK_NEXT_HOP ||
	    c->role == ROLE_LOCAL) {
		return false;
	}
	for (int depth = 0; depth < DEEPEST; depth++) {
		if (route_is_asked(c->config, &a, &r)) {
			return ask_about(
			    q, route_address(c->config, &a, text), false);
		}
		if (r.kind == RESOLVED_USER) {
			return c->config->deliver_by[0] != '\0' &&
			       ask_about(q, r.user, true);
		}
		if (r.kind != RESOLVED_ALIAS || !follow(&r.alias, &a)) {
			return false;
		}
		if (a.domain[0] != '\0' &&
		    !config_is_ours(c->config, a.domain)) {
			return route_hands_on(c->config, a.domain) &&
			       ask_about(q,
				   address_text(&a, text, sizeof(text)), false);
		}
		aliases_resolve(c->aliases, c->config, c->names, &a, &r);
	}
	return false;
}

/* By which the server finds who asks that hop already; 0: nobody may. */
static uint64_t
key_of(const struct session *s, const struct next_hop_question *q)
{
	const uint8_t *secret = s->connection->resident_secret;
	char text[HOP_TEXT];
	struct address a;
	struct route route;
	const char *rest;

	if (secret == NULL) {
		return 0;
	}
	if (q->user != 0) {
		route_user(s->connection->config, &route);
	} else if (address_path_utf8(q->text, &a, &rest) == PATH_OK) {
		route_find(s->connection->config, "", &a, &route);
	} else {
		return 0;
	}
	return resident_key(secret, hop_text(&route.hop, text));
}

enum rcpt_result
next_hop_ask(const struct session *s, const struct resolved *r,
    const struct next_hop_question *q, struct next_hop_answer *a)
{
	uint64_t key = key_of(s, q);
	int channel = s->connection->channel;
	enum status status =
	    key != 0 ? channel_ask_resident(channel, REQUEST_NEXT_HOP, key, q,
			   sizeof(*q), a, sizeof(*a))
		     : channel_ask(channel, REQUEST_NEXT_HOP, q, sizeof(*q), a,
			   sizeof(*a));

	if (status != STATUS_OK) {
		a->result = NEXT_HOP_SILENT;
	}
	a->line[sizeof(a->line) - 1] = '\0';
	switch ((enum next_hop_result)a->result) {
	case NEXT_HOP_TAKES:
		return RCPT_OK;
	case NEXT_HOP_REFUSES:
		return RCPT_NEXT_HOP;
	case NEXT_HOP_LATER:
		return session_is_user(s) ? RCPT_OK : RCPT_NEXT_HOP;
	case NEXT_HOP_SILENT:
		break;
	}
	return session_is_user(s) || r->kind == RESOLVED_USER ? RCPT_OK
	                                                      : RCPT_SILENT;
}
