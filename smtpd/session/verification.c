/* SPDX-License-Identifier: ISC */
/* A worker's word about a stranger's message becomes a reply. */
#include "smtpd/session/verification.h"

#include "smtpd/session/exempt.h"

#include <string.h>
#include <strings.h>

/* True if a recipient takes all mail: complaints must get through. */
static bool
is_spared(const struct recipient *r)
{
	static const char *const names[] = { "postmaster", "abuse" };

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(names[i]);
		if (strncasecmp(r->text, names[i], n) == 0 &&
		    (r->text[n] == '\0' || r->text[n] == '@')) {
			return true;
		}
	}
	return false;
}

/*
 * True for a stranger's message; and for one from an exempt address that has
 * signatures, or results that could be taken for ours, unless that peer is
 * trusted to write them.
 */
static bool
is_wanted(const struct incoming *in)
{
	const struct session *s = in->session;

	return s->connection->config->auth &&
	       (!exempt_client(s) ||
		   (in->header.vouched && !session_is_submission(s) &&
		       !exempt_trusted(s)));
}

/* True if rules of access accept it for all of its recipients. */
static bool
is_excused(const struct incoming *in)
{
	return in->session->excused_by != ACCESS_LAST ||
	       in->author.verdict == ACCESS_ACCEPT;
}

enum smtp_reply
verification_ask(const struct incoming *in, struct verify_answer *answer)
{
	struct session *s = in->session;
	struct verify_question q = { .head = in->head,
		.spared = 1,
		.exempt = exempt_client(in->session) };

	if (!is_wanted(in)) {
		return REPLY_NONE;
	}
	for (size_t i = 0; i < s->mail.count; i++) {
		q.spared = q.spared && is_spared(&s->mail.recipients[i]);
	}
	if (q.spared == 0 && is_excused(in)) {
		q.spared = VERIFY_SPARED_ACCESS;
	}
	strlcpy(q.id, s->mail.id, sizeof(q.id));
	strlcpy(q.helo, s->helo, sizeof(q.helo));
	strlcpy(q.sender, s->mail.sender, sizeof(q.sender));
	if (channel_ask(s->connection->channel, REQUEST_VERIFY, &q, sizeof(q),
		answer, sizeof(*answer)) != STATUS_OK) {
		return REPLY_VERIFY_LATER;
	}
	answer->domain[sizeof(answer->domain) - 1] = '\0';
	switch ((enum verify_outcome)answer->outcome) {
	case VERIFY_ACCEPT:
		break;
	case VERIFY_AUTHOR:
		return REPLY_NO_AUTHOR;
	case VERIFY_POLICY:
		return REPLY_DMARC;
	case VERIFY_SENDER:
		return REPLY_SENDS_NO_MAIL;
	case VERIFY_HEADER:
		return REPLY_HEADER_LONG;
	}
	return REPLY_NONE;
}
