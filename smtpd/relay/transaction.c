/* SPDX-License-Identifier: ISC */
/* One message over a session: the envelope, and several ones if it has to be.
 */
#include "smtpd/relay/transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* DELIVERBY (RFC 2852 section 4.1.4): whether it would rather come back. */
static bool
by_forbids(struct client *c, const struct mail *mail, time_t now)
{
	bool knows = (c->offer.extensions & EXT_DELIVERBY) != 0;

	if (mail->by.mode != BY_RETURN || c->hop->transport == TRANSPORT_LMTP) {
		return false;
	}
	if (knows && mail->by.time - now > (time_t)c->offer.soonest) {
		return false;
	}
	client_verdict(c, OUTCOME_FAILED, knows ? "5.4.7" : "5.3.3",
	    knows ? "host %s needs more time than the sender has set"
		  : "host %s does not know DELIVERBY, and the message is to "
		    "come back rather than to be late",
	    c->peer.peer);
	return true;
}

/* What we can see before we ask. */
static bool
acceptable(struct client *c, struct letter *l, char line[ENVELOPE_LINE])
{
	const struct offer *o = &c->offer;
	const struct mail *mail = &l->said;
	time_t now = time(NULL);

	if (!content_prepare(c, l) || by_forbids(c, mail, now)) {
		return false;
	}
	if (o->size_limit > 0 && mail->size > o->size_limit) {
		client_verdict(c, OUTCOME_FAILED, "5.3.4",
		    "the message has %" PRIu64
		    " octets, and host %s takes %" PRIu64,
		    mail->size, c->peer.peer, o->size_limit);
	} else if (!mail->utf8 && !envelope_is_ascii(mail->sender)) {
		client_verdict(c, OUTCOME_FAILED, "5.6.7",
		    "the sender's address needs SMTPUTF8, which host %s does "
		    "not know",
		    c->peer.peer);
	} else if (mail_insists_on_tls(mail) && !c->hop->unix_socket &&
		   (o->extensions & EXT_REQUIRETLS) == 0) {
		client_verdict(c, OUTCOME_FAILED, "5.7.30",
		    "host %s does not offer REQUIRETLS", c->peer.peer);
	} else if (!envelope_mail(mail, o, now, line)) {
		client_verdict(c, OUTCOME_FAILED, "5.1.7",
		    "the sender's address is not one that can be sent");
	} else {
		return true;
	}
	return false;
}

/* What was said ahead of its replies, and what came of it. */
struct pass {
	size_t rcpts; /* said, and not answered */
	bool data;    /* said */
	bool refused; /* MAIL was */
	bool policy;  /* for our address */
};

static void
refuse_address(struct client *c, const char *address, bool utf8)
{
	if (!utf8 && !envelope_is_ascii(address)) {
		client_verdict(c, OUTCOME_FAILED, "5.6.7",
		    "the address needs SMTPUTF8, which host %s does not know",
		    c->peer.peer);
	} else {
		client_verdict(c, OUTCOME_FAILED, "5.1.3",
		    "not an address that can be sent");
	}
}

/* Says RCPT for those that are to be done, at most so many. */
static size_t
say_rcpts(struct client *c, struct letter *l, size_t most)
{
	char line[ENVELOPE_LINE];
	size_t said = 0;

	for (size_t i = 0; i < l->count && said < most; i++) {
		struct parcel *p = &l->parcels[i];
		if (p->state != PARCEL_TODO) {
			continue;
		}
		if (envelope_rcpt(&l->said, p->recipient, &c->offer, line)) {
			client_say(c, "%s", line);
			p->state = PARCEL_NAMED;
			said++;
			continue;
		}
		refuse_address(c, p->recipient->text, l->said.utf8);
		p->outcome = c->verdict;
		p->state = PARCEL_KNOWN;
	}
	return said;
}

/* The reply to RCPT for one. */
static enum step
hear_rcpt(struct client *c, struct parcel *p, struct pass *pass)
{
	if (!client_hear(c, PHASE_RCPT)) {
		return step_unheard(c);
	}
	enum judgement j = step_judge(c, PHASE_RCPT);
	switch (j) {
	case JUDGE_GOOD:
		p->state = PARCEL_TAKEN;
		break;
	case JUDGE_TOO_MANY:
		letter_set(c, p, OUTCOME_DEFERRED, PHASE_RCPT);
		p->state = PARCEL_CROWDED;
		break;
	case JUDGE_LATER:
	case JUDGE_NEVER:
		pass->policy = pass->policy || judge_is_policy(&c->response);
		letter_set(c, p, step_refusal(j), PHASE_RCPT);
		break;
	case JUDGE_DEAD:
	case JUDGE_NONSENSE:
		return step_trouble(c, j, PHASE_RCPT);
	}
	return STEP_ON;
}

static enum step
hear_rcpts(struct client *c, struct letter *l, struct pass *pass)
{
	enum step step = STEP_ON;

	for (size_t i = 0; i < l->count && step == STEP_ON; i++) {
		if (l->parcels[i].state == PARCEL_NAMED) {
			step = hear_rcpt(c, &l->parcels[i], pass);
		}
	}
	return step;
}

/* The first reply of a transaction, which an old connection may not give. */
static enum step
hear_first(struct client *c, enum phase phase)
{
	bool heard = client_hear(c, phase);

	if (c->reused && (heard ? c->response.code == 421
				: c->verdict.kind == OUTCOME_DEFERRED)) {
		return STEP_STALE;
	}
	return heard ? STEP_ON : step_unheard(c);
}

static enum step
hear_reset(struct client *c)
{
	enum step step = hear_first(c, PHASE_RSET);

	if (step == STEP_ON && c->response.code / 100 != 2) {
		return step_trouble(c, step_judge(c, PHASE_RSET), PHASE_RSET);
	}
	return step;
}

static enum step
hear_mail(struct client *c, struct letter *l, struct pass *pass)
{
	enum step step = hear_first(c, PHASE_MAIL);

	if (step != STEP_ON) {
		return step;
	}
	enum judgement j = step_judge(c, PHASE_MAIL);
	switch (j) {
	case JUDGE_GOOD:
		break;
	case JUDGE_LATER:
	case JUDGE_NEVER:
	case JUDGE_TOO_MANY:
		pass->refused = true;
		pass->policy = judge_is_policy(&c->response);
		letter_refuse(c, l, step_refusal(j), PHASE_MAIL);
		break;
	case JUDGE_DEAD:
	case JUDGE_NONSENSE:
		return step_trouble(c, j, PHASE_MAIL);
	}
	return STEP_ON;
}

/* Replies to what was said in vain, behind a refused MAIL. */
static enum step
hear_rest(struct client *c, const struct pass *pass)
{
	for (size_t i = 0; i < pass->rcpts; i++) {
		if (!client_hear(c, PHASE_RCPT)) {
			return step_unheard(c);
		}
	}
	return STEP_ON;
}

/* MAIL and RCPT, with a RSET ahead of them when something was left open. */
static enum step
envelope(
    struct client *c, struct letter *l, const char *mail, struct pass *pass)
{
	bool pipelining = (c->offer.extensions & EXT_PIPELINING) != 0;
	bool dirty = c->dirty;
	enum step step = STEP_ON;

	c->dirty = true;
	if (dirty) {
		client_say(c, "RSET");
	}
	if (dirty && !pipelining) {
		step = hear_reset(c);
	}
	if (step != STEP_ON) {
		return step;
	}
	client_say(c, "%s", mail);
	if (pipelining) {
		pass->rcpts = say_rcpts(c, l, SIZE_MAX);
		pass->data = pass->rcpts > 0 &&
		             (c->offer.extensions & EXT_CHUNKING) == 0;
		if (pass->data) {
			client_say(c, "DATA");
		}
		step = dirty ? hear_reset(c) : STEP_ON;
	}
	step = step == STEP_ON ? hear_mail(c, l, pass) : step;
	if (step == STEP_ON && pass->refused) {
		return hear_rest(c, pass);
	}
	do {
		step = step == STEP_ON ? hear_rcpts(c, l, pass) : step;
	} while (step == STEP_ON && !pipelining && say_rcpts(c, l, 1) > 0);
	return step;
}

/*
 * Nobody is left to get the message, but DATA was said ahead.  RFC 2920 section
 * 3.1: if the server wants it nevertheless, it gets an empty one.
 */
static enum step
nobody(struct client *c, const struct pass *pass)
{
	if (pass->data) {
		if (!client_hear(c, PHASE_DATA)) {
			return step_unheard(c);
		}
		if (c->response.code == 354) {
			client_say(c, ".");
			if (!client_hear(c, PHASE_DOT)) {
				return step_unheard(c);
			}
		}
	}
	return pass->policy ? STEP_POLICY : STEP_OVER;
}

/* One transaction for those that are to be done. */
static enum step
once(struct client *c, struct letter *l)
{
	char mail[ENVELOPE_LINE];
	struct pass pass = { 0 };

	if (client_unasked(c)) {
		client_verdict(c, OUTCOME_DEAD, "4.5.0",
		    "host %s speaks, or hangs up, before it was asked anything",
		    c->peer.peer);
		return c->reused ? STEP_STALE : STEP_LOST;
	}
	if (!acceptable(c, l, mail)) {
		letter_all(l, &c->verdict);
		return STEP_OVER;
	}
	enum step step = envelope(c, l, mail, &pass);
	if (step != STEP_ON) {
		return step;
	}
	c->reused = true;
	if (letter_count(l, PARCEL_TAKEN) == 0) {
		return nobody(c, &pass);
	}
	return content_send(c, l, pass.data);
}

enum transacted
transaction_run(struct client *c, struct letter *l)
{
	size_t told;
	enum step step;

	do {
		told = letter_count(l, PARCEL_TOLD);
		step = once(c, l);
		/* Those for whom there was no room come in the next one, as
		   long as there is room for any. */
		bool more =
		    step == STEP_OVER && letter_count(l, PARCEL_TOLD) > told;
		if (step == STEP_OVER || step == STEP_POLICY) {
			letter_change(l, PARCEL_CROWDED,
			    more ? PARCEL_TODO : PARCEL_KNOWN);
		}
	} while (step == STEP_OVER && letter_count(l, PARCEL_TODO) > 0);
	letter_change(l, PARCEL_NAMED, PARCEL_TODO);
	switch (step) {
	case STEP_ON:
	case STEP_OVER:
		c->losses = 0;
		return TRANSACTED;
	case STEP_STALE:
		return TRANSACTION_STALE;
	case STEP_POLICY:
		return TRANSACTION_POLICY;
	case STEP_LOST:
		c->losses++;
		return TRANSACTION_LOST;
	case STEP_DEAD:
		break;
	}
	return TRANSACTION_DEAD;
}
