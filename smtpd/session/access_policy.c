/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "smtpd/session/access_policy.h"

#include "common/log/log.h"
#include "smtpd/session/authors.h"
#include "smtpd/session/events.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- recipients ---- */

/* True if it is the one whom everybody can reach (RFC 5321 section 4.5.1). */
static bool
is_postmaster(const struct session *s, const struct address *a)
{
	const struct config *config = s->connection->config;

	return strcasecmp(a->local, "postmaster") == 0 &&
	       (a->domain[0] == '\0' || config_is_ours(config, a->domain));
}

struct access_found
access_rcpt(struct session *s, const struct address *rcpt)
{
	const struct connection *c = s->connection;
	struct access_found found = { .verdict = ACCESS_NOTHING, .text = "" };
	struct address to = *rcpt, from = { .local = "" };
	struct access_about about = { .to = &to,
		.delimiters = c->config->subaddress };
	const char *rest;

	s->accepted_by = is_postmaster(s, rcpt) ? 0 : ACCESS_LAST;
	s->policy.accepted = false;
	if (c->access == NULL || is_postmaster(s, rcpt)) {
		return found;
	}
	if (to.domain[0] == '\0') {
		strlcpy(to.domain, c->config->domains[0], sizeof(to.domain));
	}
	if (!session_is_user(s)) {
		about.client = peer_address(&c->peer);
		about.helo = s->helo;
		if (address_path_utf8(s->mail.sender, &from, &rest) ==
		    PATH_OK) {
			about.from = &from;
		}
	}
	found = access_find(c->access, &about, ACCESS_LAST);
	if (found.verdict == ACCESS_ACCEPT) {
		s->accepted_by = found.rule;
		s->policy.accepted = true;
	}
	return found;
}

/* ---- authors ---- */

bool
access_wants_authors(const struct session *s)
{
	return !session_is_user(s) &&
	       access_has(s->connection->access, ACCESS_HEADER);
}

struct search {
	const struct session *session;
	struct access_found found;
	bool others; /* an author whom no rule accepts */
};

/* One author that is refused is enough; all must be accepted. */
static bool
look_at(void *context, const struct address *author)
{
	struct search *x = context;
	const struct access_about about = { .author = author };
	struct access_found found = { .verdict = ACCESS_NOTHING, .text = "" };

	if (author != NULL) {
		found = access_find(x->session->connection->access, &about,
		    x->session->excused_by);
	}
	if (found.verdict == ACCESS_NOTHING) {
		x->others = true;
	} else {
		x->found = found;
	}
	return found.verdict != ACCESS_REFUSE;
}

struct access_found
access_authors(const struct session *s, const char *text, size_t len)
{
	struct search x = { .session = s,
		.found = { .verdict = ACCESS_NOTHING, .text = "" } };

	if (access_wants_authors(s) && authors_each(text, len, look_at, &x) &&
	    x.others) {
		x.found.verdict = ACCESS_NOTHING;
	}
	return x.found;
}

/* ---- refusals ---- */

/* In the words of Postfix, so that programs that read logs know the reason. */
static const char *
reason(const struct session *s, const struct access_found *found,
    const struct address *rcpt, char text[REPLY_TEXT])
{
	char subject[ADDRESS_TEXT] = "END-OF-MESSAGE", raw[ADDRESS_TEXT] = "";
	const char *words = "Data command rejected";

	switch (found->kind) {
	case ACCESS_CLIENT:
		snprintf(
		    subject, sizeof(subject), "unknown[%s]", session_peer(s));
		words = "Client host rejected";
		break;
	case ACCESS_HELO:
		log_path(s->helo, subject, sizeof(subject));
		words = "Helo command rejected";
		break;
	case ACCESS_FROM:
		log_path(s->mail.sender, subject, sizeof(subject));
		words = "Sender address rejected";
		break;
	case ACCESS_TO:
		address_text(rcpt, raw, sizeof(raw));
		log_path(raw, subject, sizeof(subject));
		words = "Recipient address rejected";
		break;
	case ACCESS_HEADER:
	case ACCESS_KINDS:
		break;
	}
	snprintf(text, REPLY_TEXT, "<%s>: %s: %s", subject, words,
	    found->text[0] != '\0' ? found->text : "Access denied");
	return text;
}

enum next
access_refuse(struct session *s, const struct access_found *found,
    const char *where, const char *stage, const struct address *rcpt)
{
	char text[REPLY_TEXT];

	event_reject(s, where, stage, REPLY_ACCESS,
	    REPLY_ARGS(reason(s, found, rcpt, text)), rcpt);
	return reply_send_with(s, REPLY_ACCESS,
	    REPLY_ARGS(
		found->text[0] != '\0' ? found->text : "Not accepted here"));
}
