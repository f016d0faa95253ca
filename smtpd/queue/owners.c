/* SPDX-License-Identifier: ISC */
/*
 * What is delivered on this machine, owner by owner: each has a few turns at a
 * time, so that a command that sleeps or a mailbox that stays locked keeps
 * nobody else's mail waiting.  A message for many users is one order all the
 * same, so that it is read once.
 */
#include "smtpd/queue/scheduler_private.h"

#include <stdio.h>
#include <string.h>

enum { TURNS = 2 }; /* of one owner at a time */

const char *
owner_key(const struct config *config, const struct recipient *to,
    char key[OWNER_KEY])
{
	/* One account has all commands of the aliases: one of them must not
	   stop the others. */
	bool of_alias =
	    to->owner[0] == '\0' || strcmp(to->owner, config->alias_owner) == 0;

	if (to->target == TARGET_USER) {
		snprintf(key, OWNER_KEY, DESTINATION_LOCAL " %s", to->text);
	} else {
		snprintf(key, OWNER_KEY, DESTINATION_LOCAL " %.*s |%s",
		    USER_NAME, to->owner, of_alias ? to->text : "");
	}
	return key;
}

bool
owner_has_turn(const struct destination *d)
{
	return d->agents < TURNS;
}

static void
take_turn(struct batch *b, struct destination *d)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->results[i].turn == NULL) {
			b->results[i].turn = d;
			d->agents++;
		}
	}
}

/* Moves the recipients of a batch into the order; false: no memory. */
static bool
join(struct runner *r, struct batch *order, struct batch *b)
{
	struct destination *d = b->destination;

	for (size_t i = 0; i < b->count; i++) {
		if (batch_add(order, b->results[i].recipient) == NULL) {
			order->count -= i;
			return false;
		}
	}
	destination_remove(r, b);
	batch_end(r, b);
	take_turn(order, d);
	return true;
}

/* True if that may ride in the order; a batch that came back has results. */
static bool
may_join(const struct batch *order, const struct batch *b)
{
	return b->destination->local && !b->destination->command &&
	       owner_has_turn(b->destination) &&
	       order->count + b->count <= ORDER_RECIPIENTS;
}

void
owner_take(struct runner *r, struct batch *order)
{
	struct destination *d = order->destination;
	struct batch *b, *next;

	destination_remove(r, order);
	take_turn(order, d);
	if (d->command) {
		return;
	}
	TAILQ_FOREACH_SAFE(b, &order->message->waiting, peer, next)
	{
		if (may_join(order, b) && !join(r, order, b)) {
			break; /* it goes by itself */
		}
	}
}

void
owner_release(struct result *result)
{
	if (result->turn != NULL) {
		result->turn->agents--;
		result->turn = NULL;
	}
}
