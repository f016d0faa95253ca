/* SPDX-License-Identifier: ISC */
/* One message over a session: the envelope, or several if need be. */
#include "smtpd/relay/transaction_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* True if the message has to come back, by RFC 2852 section 4.1.4. */
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
	client_set_verdict(c, OUTCOME_FAILED, knows ? "5.4.7" : "5.3.3",
	    knows ? "host %s needs more time than the sender has set"
		  : "host %s does not support DELIVERBY, and the sender wants "
		    "the message back rather than late",
	    c->peer.peer);
	return true;
}

/* Checks what can be known before MAIL is sent. */
static bool
acceptable(struct client *c, struct mail_object *m, char line[ENVELOPE_LINE])
{
	const struct offer *o = &c->offer;
	const struct mail *mail = &m->said;
	time_t now = time(NULL);

	if (!content_prepare(c, m) || by_forbids(c, mail, now)) {
		return false;
	}
	if (o->size_limit > 0 && mail->size > o->size_limit) {
		client_set_verdict(c, OUTCOME_FAILED, "5.3.4",
		    "the message has %" PRIu64
		    " octets, and host %s takes %" PRIu64,
		    mail->size, c->peer.peer, o->size_limit);
	} else if (!mail->utf8 && !envelope_is_ascii(mail->sender)) {
		client_set_verdict(c, OUTCOME_FAILED, "5.6.7",
		    "the sender's address needs SMTPUTF8, which host %s does "
		    "not support",
		    c->peer.peer);
	} else if (mail_insists_on_tls(mail) && !c->hop->unix_socket &&
		   (o->extensions & EXT_REQUIRETLS) == 0) {
		client_set_verdict(c, OUTCOME_FAILED, "5.7.30",
		    "REQUIRETLS support required: host %s does not offer it",
		    c->peer.peer);
	} else if (!envelope_mail(mail, o, now, line)) {
		client_set_verdict(c, OUTCOME_FAILED, "5.1.7",
		    "the sender's address is not one that can be sent");
	} else {
		return true;
	}
	return false;
}

enum { DOMAINS = ORDER_RECIPIENTS };

/* Commands that were sent before their replies, and what came of them. */
struct pipeline {
	size_t said; /* RCPT commands in this transaction */
	const char *domains[DOMAINS];
	size_t ndomains;
	size_t rcpts; /* sent, and without a reply */
	bool data;    /* sent */
	bool refused; /* MAIL was */
	bool policy;  /* for our address */
	bool hollow;  /* the message cannot be sent: the envelope alone is */
};

static void
refuse_address(struct client *c, const char *address, bool utf8)
{
	if (!utf8 && !envelope_is_ascii(address)) {
		client_set_verdict(c, OUTCOME_FAILED, "5.6.7",
		    "the address needs SMTPUTF8, which host %s does not "
		    "support",
		    c->peer.peer);
	} else {
		client_set_verdict(c, OUTCOME_FAILED, "5.1.3",
		    "not an address that can be sent");
	}
}

/* True if the server takes that recipient as well (RFC 9422); notes it. */
static bool
within_limits(const struct client *c, struct pipeline *ahead, const char *text)
{
	const struct offer *o = &c->offer;
	const char *at = strrchr(text, '@'), *domain = at == NULL ? "" : at + 1;
	size_t i = 0;

	if (o->most_rcpts > 0 && ahead->said >= o->most_rcpts) {
		return false;
	}
	while (
	    i < ahead->ndomains && strcasecmp(ahead->domains[i], domain) != 0) {
		i++;
	}
	if (i == ahead->ndomains) {
		if ((o->most_domains > 0 && i >= o->most_domains) ||
		    i == DOMAINS) {
			return false;
		}
		ahead->domains[ahead->ndomains++] = domain;
	}
	ahead->said++;
	return true;
}

/*
 * Sends at most `most` RCPT commands for recipients that are to be done; those
 * beyond the limits of the server are for the next transaction.
 */
static size_t
send_rcpts(struct client *c, struct mail_object *m, struct pipeline *ahead,
    size_t most)
{
	char line[ENVELOPE_LINE];
	size_t sent = 0;

	for (size_t i = 0; i < m->count && sent < most; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (p->state != RCPT_TODO ||
		    !within_limits(c, ahead, p->recipient->text)) {
			continue;
		}
		struct recipient to = *p->recipient;
		/* A report has a sender here, and yet nobody is told. */
		to.notify = m->said.sender[0] != m->mail->sender[0] &&
		                    m->mail->sender[0] == '\0'
		                ? NOTIFY_NEVER
		                : to.notify;
		if (envelope_rcpt(&m->said, &to, &c->offer, line)) {
			client_send_command(c, "%s", line);
			p->state = RCPT_SENT;
			sent++;
			continue;
		}
		refuse_address(c, p->recipient->text, m->said.utf8);
		p->outcome = c->verdict;
		p->state = RCPT_SETTLED;
	}
	return sent;
}

/* Reads the reply to RCPT for one recipient. */
static enum step
read_rcpt_response(struct client *c, struct rcpt *p, struct pipeline *ahead)
{
	if (!client_read_response(c, PHASE_RCPT)) {
		return step_no_response(c);
	}
	enum judgement j = step_judge(c, PHASE_RCPT);
	switch (j) {
	case JUDGE_GOOD:
		p->state = RCPT_ACCEPTED;
		break;
	case JUDGE_TOO_MANY:
		rcpt_settle(c, p, OUTCOME_DEFERRED, PHASE_RCPT);
		p->state = RCPT_POSTPONED;
		break;
	case JUDGE_LATER:
	case JUDGE_NEVER:
		ahead->policy = ahead->policy || judge_is_policy(&c->response);
		rcpt_settle(c, p, refusal_outcome(j), PHASE_RCPT);
		break;
	case JUDGE_DEAD:
	case JUDGE_NONSENSE:
		return step_broken(c, j, PHASE_RCPT);
	}
	return STEP_CONTINUE;
}

static enum step
read_rcpt_responses(
    struct client *c, struct mail_object *m, struct pipeline *ahead)
{
	enum step step = STEP_CONTINUE;

	for (size_t i = 0; i < m->count && step == STEP_CONTINUE; i++) {
		if (m->rcpts[i].state == RCPT_SENT) {
			step = read_rcpt_response(c, &m->rcpts[i], ahead);
		}
	}
	return step;
}

/* Reads the first reply, which fails if the connection has become stale. */
static enum step
read_first_response(struct client *c, enum phase phase)
{
	bool got = client_read_response(c, phase);

	if (c->reused && (got ? c->response.code == 421
			      : c->verdict.kind == OUTCOME_DEFERRED)) {
		return STEP_STALE;
	}
	return got ? STEP_CONTINUE : step_no_response(c);
}

static enum step
read_rset_response(struct client *c)
{
	enum step step = read_first_response(c, PHASE_RSET);

	if (step == STEP_CONTINUE && c->response.code / 100 != 2) {
		return step_broken(c, step_judge(c, PHASE_RSET), PHASE_RSET);
	}
	return step;
}

static enum step
read_mail_response(
    struct client *c, struct mail_object *m, struct pipeline *ahead)
{
	enum step step = read_first_response(c, PHASE_MAIL);

	if (step != STEP_CONTINUE) {
		return step;
	}
	enum judgement j = step_judge(c, PHASE_MAIL);
	switch (j) {
	case JUDGE_GOOD:
		break;
	case JUDGE_LATER:
	case JUDGE_NEVER:
	case JUDGE_TOO_MANY:
		ahead->refused = true;
		ahead->policy = judge_is_policy(&c->response);
		object_refuse(c, m, refusal_outcome(j), PHASE_MAIL);
		break;
	case JUDGE_DEAD:
	case JUDGE_NONSENSE:
		return step_broken(c, j, PHASE_MAIL);
	}
	return STEP_CONTINUE;
}

/* Reads the replies to RCPT commands that were sent with a refused MAIL. */
static enum step
discard_rcpt_responses(struct client *c, const struct pipeline *ahead)
{
	for (size_t i = 0; i < ahead->rcpts; i++) {
		if (!client_read_response(c, PHASE_RCPT)) {
			return step_no_response(c);
		}
	}
	return STEP_CONTINUE;
}

/* Sends MAIL and RCPT, after a RSET if a transaction was left open. */
static enum step
envelope(struct client *c, struct mail_object *m, const char *mail,
    struct pipeline *ahead)
{
	bool pipelining = (c->offer.extensions & EXT_PIPELINING) != 0;
	bool dirty = c->dirty;
	enum step step = STEP_CONTINUE;

	c->dirty = true;
	if (dirty) {
		client_send_command(c, "RSET");
	}
	if (dirty && !pipelining) {
		step = read_rset_response(c);
	}
	if (step != STEP_CONTINUE) {
		return step;
	}
	client_send_command(c, "%s", mail);
	if (pipelining) {
		ahead->rcpts = send_rcpts(c, m, ahead, SIZE_MAX);
		ahead->data = ahead->rcpts > 0 && !ahead->hollow &&
		              (c->offer.extensions & EXT_CHUNKING) == 0;
		if (ahead->data) {
			client_send_command(c, "DATA");
		}
		step = dirty ? read_rset_response(c) : STEP_CONTINUE;
	}
	step = step == STEP_CONTINUE ? read_mail_response(c, m, ahead) : step;
	if (step == STEP_CONTINUE && ahead->refused) {
		return discard_rcpt_responses(c, ahead);
	}
	do {
		step = step == STEP_CONTINUE ? read_rcpt_responses(c, m, ahead)
		                             : step;
	} while (step == STEP_CONTINUE && !pipelining &&
		 send_rcpts(c, m, ahead, 1) > 0);
	return step;
}

/*
 * No recipient was accepted, but DATA may have been sent.  RFC 2920 section
 * 3.1: a server that accepts it nevertheless gets an empty message.
 */
static enum step
without_recipients(struct client *c, const struct pipeline *ahead)
{
	if (ahead->data) {
		if (!client_read_response(c, PHASE_DATA)) {
			return step_no_response(c);
		}
		if (c->response.code == 354) {
			client_send_command(c, ".");
			if (!client_read_response(c, PHASE_DOT)) {
				return step_no_response(c);
			}
		}
	}
	return ahead->policy ? STEP_POLICY : STEP_DONE;
}

/* One transaction, for the recipients that are to be done. */
static enum step
try_once(struct client *c, struct mail_object *m)
{
	char mail[ENVELOPE_LINE];
	struct pipeline ahead = { 0 };

	c->complete = false;
	if (client_has_input(c)) {
		client_set_verdict(c, OUTCOME_DEAD, "4.5.0",
		    "host %s sent data, or closed the connection, unasked",
		    c->peer.peer);
		return c->reused ? STEP_STALE : STEP_LOST;
	}
	bool good = acceptable(c, m, mail);
	struct outcome why = c->verdict;
	/* Who is refused anyway hears of that, and not of the form. */
	ahead.hollow = !good && strcmp(why.dsn, "5.6.3") == 0 &&
	               envelope_mail(&m->said, &c->offer, time(NULL), mail);
	if (!good && !ahead.hollow) {
		object_settle(m, &c->verdict);
		return STEP_DONE;
	}
	if (c->offer.most_mails > 0 && c->mails >= c->offer.most_mails &&
	    !c->hop->unix_socket) {
		client_quit(c);
		return STEP_STALE;
	}
	c->mails++;
	enum step step = envelope(c, m, mail, &ahead);
	if (step != STEP_CONTINUE) {
		return step;
	}
	c->reused = true;
	if (ahead.hollow) {
		object_settle(m, &why);
		return STEP_DONE;
	}
	if (object_count(m, RCPT_ACCEPTED) == 0) {
		return without_recipients(c, &ahead);
	}
	return content_send(c, m, ahead.data);
}

/*
 * A connection that was kept, or carries many messages, may end at any time:
 * until all of the message is sent, that says nothing about the next one.
 */
static enum step
run_once(struct client *c, struct mail_object *m)
{
	bool reused = c->reused;
	enum step step = try_once(c, m);

	if (reused && !c->complete &&
	    (step == STEP_LOST || step == STEP_DEAD)) {
		object_change(m, RCPT_ACCEPTED, RCPT_TODO);
		return STEP_STALE;
	}
	return step;
}

enum transacted
transaction_run(struct client *c, struct mail_object *m)
{
	size_t told;
	enum step step;

	do {
		told = object_count(m, RCPT_REPORTED);
		step = run_once(c, m);
		/* Recipients that were too many come with the next one, as
		   long as each takes at least one. */
		bool more =
		    step == STEP_DONE && object_count(m, RCPT_REPORTED) > told;
		if (step == STEP_DONE || step == STEP_POLICY) {
			object_change(
			    m, RCPT_POSTPONED, more ? RCPT_TODO : RCPT_SETTLED);
		}
	} while (step == STEP_DONE && object_count(m, RCPT_TODO) > 0);
	object_change(m, RCPT_SENT, RCPT_TODO);
	switch (step) {
	case STEP_CONTINUE:
	case STEP_DONE:
		c->losses = 0;
		return TRANSACTED;
	case STEP_STALE:
		return TRANSACTION_STALE;
	case STEP_POLICY:
		return TRANSACTION_POLICY;
	case STEP_LOST:
		return TRANSACTION_LOST;
	case STEP_DEAD:
		break;
	}
	return TRANSACTION_DEAD;
}
