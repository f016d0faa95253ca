/* SPDX-License-Identifier: ISC */
/* The message itself: DATA (RFC 5321) or BDAT (RFC 3030), and its replies. */
#include "smtpd/relay/transaction.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum judgement
step_judge(const struct client *c, enum phase phase)
{
	return judge_response(&c->response, phase, !c->hop->mx);
}

/* There was no reply: how bad is that? */
enum step
step_unheard(const struct client *c)
{
	return c->verdict.kind == OUTCOME_DEAD ? STEP_DEAD : STEP_LOST;
}

/* A reply that says more than no to this. */
enum step
step_trouble(struct client *c, enum judgement judgement, enum phase phase)
{
	client_verdict_response(c, OUTCOME_DEAD, phase, NULL);
	return judgement == JUDGE_DEAD ? STEP_DEAD : STEP_LOST;
}

enum outcome_kind
step_refusal(enum judgement judgement)
{
	return judgement == JUDGE_NEVER ? OUTCOME_FAILED : OUTCOME_DEFERRED;
}

/* A refusal of the message for all that were taken. */
static enum step
refused(struct client *c, struct letter *l, enum judgement j, enum phase phase)
{
	bool policy = judge_is_policy(&c->response) &&
	              c->hop->transport == TRANSPORT_SMTP;

	letter_refuse(c, l, step_refusal(j), phase);
	return policy ? STEP_POLICY : STEP_OVER;
}

/* The reply to the message: for all, or (LMTP) for one. */
static enum step
hear_verdict(struct client *c, struct letter *l, struct parcel *one)
{
	if (!client_hear(c, PHASE_DOT)) {
		return step_unheard(c);
	}
	enum judgement j = step_judge(c, PHASE_DOT);
	/* RFC 3030 section 3: what a failed BDAT leaves, RSET ends. */
	c->dirty = c->dirty || j != JUDGE_GOOD;
	if (j == JUDGE_DEAD || j == JUDGE_NONSENSE) {
		return step_trouble(c, j, PHASE_DOT);
	}
	if (j != JUDGE_GOOD && one == NULL) {
		return refused(c, l, j, PHASE_DOT);
	}
	for (size_t i = 0; i < l->count; i++) {
		struct parcel *p = &l->parcels[i];
		if (p->state == PARCEL_TAKEN && (one == NULL || p == one)) {
			letter_set(c, p,
			    j == JUDGE_GOOD ? OUTCOME_SENT : step_refusal(j),
			    PHASE_DOT);
		}
	}
	/* Now, so that being killed costs as few second copies as can be. */
	letter_tell(l);
	return STEP_OVER;
}

static enum step
hear_verdicts(struct client *c, struct letter *l)
{
	enum step step = STEP_OVER;

	c->dirty = false;
	if (c->hop->transport == TRANSPORT_SMTP) {
		return hear_verdict(c, l, NULL);
	}
	for (size_t i = 0; i < l->count && step == STEP_OVER; i++) {
		if (l->parcels[i].state == PARCEL_TAKEN) {
			step = hear_verdict(c, l, &l->parcels[i]);
		}
	}
	return step;
}

/*
 * The server has spoken, or hung up, before the message was at its end.  A
 * refusal counts as one; whatever else it says, it cannot have the message.
 */
static enum step
interrupted(struct client *c, struct letter *l)
{
	if (!client_hear(c, PHASE_DOT)) {
		return step_unheard(c);
	}
	enum judgement j = step_judge(c, PHASE_DOT);
	if (j == JUDGE_LATER || j == JUDGE_NEVER) {
		letter_refuse(c, l, step_refusal(j), PHASE_DOT);
	}
	return step_trouble(c, JUDGE_NONSENSE, PHASE_DOT);
}

/* Says the message, as it is or converted. */
static enum body_sent
say_content(struct client *c, struct letter *l, enum dotstuff_form form)
{
	return l->convert != NULL
	           ? content_convert(c->stream, l, form)
	           : body_send(c->stream, l->fd, l->body, l->mail->size, form);
}

static enum step
unreadable(struct client *c)
{
	client_verdict(c, OUTCOME_DEFERRED, "4.3.0",
	    "cannot read the queue file: %s", strerror(errno));
	/* The message must not end where it stands. */
	return STEP_LOST;
}

static enum step
send_data(struct client *c, struct letter *l, bool said)
{
	if (!said) {
		client_say(c, "DATA");
	}
	if (!client_hear(c, PHASE_DATA)) {
		return step_unheard(c);
	}
	enum judgement j = step_judge(c, PHASE_DATA);
	if (j == JUDGE_LATER || j == JUDGE_NEVER || j == JUDGE_TOO_MANY) {
		return refused(c, l, j, PHASE_DATA);
	}
	if (c->response.code != 354) {
		return step_trouble(c, j, PHASE_DATA);
	}
	enum body_sent sent = say_content(c, l, DOTSTUFF_DATA);
	if (sent == BODY_UNREADABLE) {
		return unreadable(c);
	}
	if (sent == BODY_LOST || client_unasked(c)) {
		return interrupted(c, l);
	}
	client_say(c, ".");
	return hear_verdicts(c, l);
}

/* RFC 3030: as it is, with its length ahead. */
static enum step
send_chunk(struct client *c, struct letter *l)
{
	int64_t size = l->convert != NULL ? (int64_t)l->said.size
	                                  : body_size(l->fd, l->body,
						l->mail->size, DOTSTUFF_BDAT);

	if (size == -1) {
		(void)unreadable(c);
		letter_all(l, &c->verdict);
		return STEP_OVER; /* nothing of it was said */
	}
	if (client_unasked(c)) {
		return interrupted(c, l);
	}
	client_say(c, "BDAT %" PRId64 " LAST", size);
	enum body_sent sent = say_content(c, l, DOTSTUFF_BDAT);
	if (sent == BODY_UNREADABLE) {
		return unreadable(c);
	}
	return sent == BODY_LOST ? interrupted(c, l) : hear_verdicts(c, l);
}

enum step
content_send(struct client *c, struct letter *l, bool said)
{
	return (c->offer.extensions & EXT_CHUNKING) != 0
	           ? send_chunk(c, l)
	           : send_data(c, l, said);
}
