/* SPDX-License-Identifier: ISC */
/* What becomes of a message's recipients, and who hears of it. */
#include "smtpd/relay/transaction.h"

#include <string.h>

void
letter_tell(struct letter *l)
{
	for (size_t i = 0; i < l->count; i++) {
		struct parcel *p = &l->parcels[i];
		if (p->state == PARCEL_KNOWN) {
			p->outcome.serial = l->serial;
			p->outcome.recipient = p->number;
			agent_tell(l->channel, &p->outcome);
			p->state = PARCEL_TOLD;
		}
	}
}

void
letter_all(struct letter *l, const struct outcome *outcome)
{
	for (size_t i = 0; i < l->count; i++) {
		struct parcel *p = &l->parcels[i];
		if (p->state < PARCEL_KNOWN) {
			p->outcome = *outcome;
			p->state = PARCEL_KNOWN;
		}
	}
}

/* What the sender hears of from us, because the next one will not say it. */
static unsigned
relayed(const struct client *c, const struct parcel *p)
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
letter_set(struct client *c, struct parcel *p, enum outcome_kind kind,
    enum phase phase)
{
	client_outcome(c, &p->outcome, kind, phase);
	p->outcome.relayed = kind == OUTCOME_SENT ? relayed(c, p) : 0;
	p->state = PARCEL_KNOWN;
}

/* The last reply refuses all that have no outcome yet. */
void
letter_refuse(struct client *c, struct letter *l, enum outcome_kind kind,
    enum phase phase)
{
	struct outcome o;

	client_outcome(c, &o, kind, phase);
	letter_all(l, &o);
}

size_t
letter_count(const struct letter *l, enum parcel_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++) {
		n += l->parcels[i].state == state;
	}
	return n;
}

void
letter_change(struct letter *l, enum parcel_state from, enum parcel_state to)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->parcels[i].state == from) {
			l->parcels[i].state = to;
		}
	}
}
