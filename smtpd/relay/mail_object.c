/* SPDX-License-Identifier: ISC */
/* The outcomes of a message's recipients, and their reports to the runner. */
#include "smtpd/relay/transaction_private.h"

#include <string.h>

static void
report_one(struct mail_object *m, struct rcpt *p)
{
	p->state = RCPT_REPORTED;
	m->done = !m->dead && object_count(m, RCPT_REPORTED) == m->count;
	p->outcome.serial = m->serial;
	p->outcome.recipient = p->number;
	p->outcome.last = m->done ? 1 : 0;
	agent_send_outcome(m->channel, &p->outcome);
}

void
object_report(struct mail_object *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->rcpts[i].state == RCPT_SETTLED) {
			report_one(m, &m->rcpts[i]);
		}
	}
}

void
object_report_sent(struct mail_object *m)
{
	for (size_t i = 0; i < m->count; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (p->state == RCPT_SETTLED &&
		    p->outcome.kind == OUTCOME_SENT) {
			report_one(m, p);
		}
	}
}

void
object_settle(struct mail_object *m, const struct outcome *outcome)
{
	for (size_t i = 0; i < m->count; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (p->state < RCPT_SETTLED) {
			p->outcome = *outcome;
			p->state = RCPT_SETTLED;
		}
	}
}

/* What we have to tell the sender, because the next hop will not. */
static unsigned
relayed(const struct client *c, const struct rcpt *p)
{
	unsigned has = c->offer.extensions;
	/* RFC 3461 section 5.2.1, RFC 2852 section 4.1.4 */
	bool success = (has & EXT_DSN) == 0 &&
	               (p->recipient->notify & NOTIFY_SUCCESS) != 0;
	bool by =
	    (has & EXT_DELIVERBY) == 0 && c->hop->transport == TRANSPORT_SMTP;

	return (success ? RELAYED_WITHOUT_DSN : 0u) |
	       (by ? RELAYED_WITHOUT_BY : 0u);
}

void
rcpt_settle(
    struct client *c, struct rcpt *p, enum outcome_kind kind, enum phase phase)
{
	client_response_outcome(c, &p->outcome, kind, phase);
	p->outcome.relayed = kind == OUTCOME_SENT       ? relayed(c, p)
	                     : kind == OUTCOME_DEFERRED ? DEFERRED_ELSEWHERE
	                                                : 0;
	p->state = RCPT_SETTLED;
}

void
object_refuse(struct client *c, struct mail_object *m, enum outcome_kind kind,
    enum phase phase)
{
	struct outcome o;

	client_response_outcome(c, &o, kind, phase);
	o.relayed = kind == OUTCOME_DEFERRED ? DEFERRED_ELSEWHERE : 0;
	object_settle(m, &o);
}

/* True if the message may be offered to another server for that recipient. */
static bool
may_go_on(const struct rcpt *p)
{
	return p->state < RCPT_SETTLED ||
	       (p->state == RCPT_SETTLED &&
		   p->outcome.kind == OUTCOME_DEFERRED &&
		   (p->outcome.relayed & DEFERRED_ELSEWHERE) != 0);
}

size_t
object_pending(const struct mail_object *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++) {
		n += may_go_on(&m->rcpts[i]);
	}
	return n;
}

size_t
object_go_on(struct mail_object *m, const struct outcome *why)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (!may_go_on(p)) {
			continue;
		}
		if (p->state < RCPT_SETTLED && why != NULL) {
			p->outcome = *why;
			p->outcome.kind = OUTCOME_DEFERRED;
			p->outcome.relayed = DEFERRED_ELSEWHERE;
		}
		p->state = RCPT_TODO;
		p->answered = true;
		n++;
	}
	return n;
}

void
object_conclude(struct mail_object *m, const struct outcome *why)
{
	struct outcome o = *why;

	o.kind = OUTCOME_DEFERRED;
	o.relayed = DEFERRED_ELSEWHERE;
	for (size_t i = 0; i < m->count; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (p->state < RCPT_SETTLED && p->answered) {
			p->state = RCPT_SETTLED;
		}
	}
	object_settle(m, &o);
}

size_t
object_count(const struct mail_object *m, enum rcpt_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++) {
		n += m->rcpts[i].state == state;
	}
	return n;
}

void
object_change(struct mail_object *m, enum rcpt_state from, enum rcpt_state to)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->rcpts[i].state == from) {
			m->rcpts[i].state = to;
		}
	}
}

/* ---- steps of a transaction ---- */

enum judgement
step_judge(const struct client *c, enum phase phase)
{
	return judge_response(&c->response, phase, !c->hop->mx);
}

enum step
step_no_response(const struct client *c)
{
	return c->verdict.kind == OUTCOME_DEAD ? STEP_DEAD : STEP_LOST;
}

enum step
step_broken(struct client *c, enum judgement judgement, enum phase phase)
{
	client_set_verdict_response(c, OUTCOME_DEAD, phase, NULL);
	return judgement == JUDGE_DEAD ? STEP_DEAD : STEP_LOST;
}

enum outcome_kind
refusal_outcome(enum judgement judgement)
{
	return judgement == JUDGE_NEVER ? OUTCOME_FAILED : OUTCOME_DEFERRED;
}
