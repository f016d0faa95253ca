/* SPDX-License-Identifier: ISC */
/* Which waiting batch is given to which agent, and when one more is started. */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The batch waits for the next try. */
static void
put_off(struct runner *r, struct batch *b, const char *why)
{
	for (size_t i = 0; i < b->count; i++) {
		result_set(
		    &b->results[i], OUTCOME_DEFERRED, "4.3.0", "none", why);
	}
	outcome_conclude(r, b);
	batch_end(r, b);
}

/* Gives the agent the batch; false: the agent is gone. */
static bool
give_order(struct runner *r, struct agent *a, struct batch *b)
{
	struct order order = { .serial = ++r->serial,
		.count = (uint32_t)b->count };
	char why[CONFIG_ERROR];

	const struct mail *mail = &b->message->file.mail;
	signing_remind(r, b);
	order.seal =
	    !b->local && forwarding_seals(r->config, mail,
			     &mail->recipients[b->results[0].recipient]);
	if (forwarding_sender(r, b, order.sender, why) == -1) {
		put_off(r, b, why);
		a->idle_since = deadline_now();
		return true;
	}
	int fd = queue_open_body(&b->message->file);
	if (fd == -1) {
		log_error("%s: cannot open the message: %s",
		    b->message->file.id, strerror(errno));
		b->message->spoiled = true;
		batch_end(r, b);
		a->idle_since = deadline_now();
		return true;
	}
	for (size_t i = 0; i < b->count; i++) {
		order.recipients[i] = b->results[i].recipient;
	}
	int result = agent_send_order(a->channel, &order, fd);
	close(fd);
	a->serial = order.serial;
	a->signatures = 0;
	a->ticket = 0;
	a->batch = b;
	b->given = deadline_now();
	if (result == -1) {
		agent_close(a);
		return false;
	}
	return true;
}

static struct agent *
idle_agent(const struct runner *r, const struct destination *d)
{
	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination != NULL && a->channel != -1 &&
		    a->batch == NULL && (d == NULL || a->destination == d)) {
			return a;
		}
	}
	return NULL;
}

static struct agent *
free_place(const struct runner *r)
{
	for (size_t i = 0; i < r->nagents; i++) {
		if (r->agents[i].destination == NULL) {
			return &r->agents[i];
		}
	}
	return NULL;
}

/*
 * Takes one of the connections that all runners together may have to the hop;
 * false: they are taken.  Trouble with these locks stops no mail: slot is -1.
 */
static bool
take_connection(struct runner *r, struct destination *d, int *slot)
{
	int64_t now = deadline_now();

	*slot = -1;
	if (d->local) {
		return true;
	}
	if (now < d->full_until) {
		return false;
	}
	*slot = queue_take_connection(
	    &r->queue, d->hash, r->config->relay_concurrency);
	if (*slot != -1 || errno != EWOULDBLOCK) {
		destination_satisfied(d);
		return true;
	}
	d->full_until = now + FULL_TIME;
	if (d->agents == 0 && d->wanted == -1) {
		d->wanted = queue_want_connection(&r->queue, d->hash);
	}
	return false;
}

/* True if it is another runner's turn to have the agent's connection. */
static bool
is_others_turn(struct runner *r, struct agent *a)
{
	struct destination *d = a->destination;
	int64_t now = deadline_now();

	if (d->local || now - a->started < SHARE_TIME) {
		return false;
	}
	a->started = now; /* it is asked about once in a while */
	if (!queue_connection_wanted(&r->queue, d->hash)) {
		return false;
	}
	d->full_until = now + SHARE_TIME / 2; /* it comes first */
	return true;
}

/* Starts one more agent for the destination of a batch, if it may have that. */
static struct agent *
more_agents(struct runner *r, struct destination *d, const struct batch *b)
{
	struct agent *a = free_place(r);
	struct hop hop;
	int slot;

	if (!d->local && d->agents >= d->window.size) {
		return NULL;
	}
	if (a == NULL) {
		struct agent *idle = idle_agent(r, NULL);
		if (idle != NULL) {
			agent_close(idle); /* its place will be free soon */
		}
		r->starved = r->starved || d->agents == 0;
		return NULL;
	}
	if ((!d->local && !batch_hop(r, b, &hop)) ||
	    !take_connection(r, d, &slot)) {
		return NULL;
	}
	bool started = d->local ? agent_start(r, a, &r->here, NULL, -1)
	                        : agent_start(r, a, d, &hop, slot);
	return started ? a : NULL;
}

/* The first batch that may have a place; NULL: none of the first few may. */
static struct batch *
pick_batch(struct runner *r, struct destination *d)
{
	enum { FEW = 16 };
	struct batch *b, *next;
	int n = 0;

	if (d->local && !owner_has_turn(d)) {
		return NULL;
	}
	TAILQ_FOREACH_SAFE(b, &d->waiting, link, next)
	{
		if (b->message->spoiled) {
			destination_remove(r, b);
			batch_end(r, b);
		} else if (place_allowed(r, b)) {
			return b;
		} else if (d->local || ++n == FEW) {
			break;
		}
	}
	return NULL;
}

static void
serve_destination(struct runner *r, struct destination *d)
{
	const struct destination *whose = d->local ? &r->here : d;

	while (d->nwaiting > 0 && !r->stopping) {
		struct batch *b = pick_batch(r, d);
		struct agent *a = b == NULL ? NULL : idle_agent(r, whose);
		if (b == NULL) {
			return;
		}
		if (a != NULL && ((r->starved && whose->agents > 1) ||
				     is_others_turn(r, a))) {
			/* Its place goes to a destination without an agent, or
			   its connection to another runner. */
			agent_close(a);
			return;
		}
		if (a == NULL && (a = more_agents(r, d, b)) == NULL) {
			return;
		}
		if (d->local) {
			owner_take(r, b);
		} else {
			destination_remove(r, b);
		}
		if (!give_order(r, a, b)) {
			return;
		}
	}
}

/* True if users' mail, or another's that is no report, waits there. */
static bool
waits_for_people(const struct destination *d)
{
	const struct batch *b = TAILQ_FIRST(&d->waiting);

	return b != NULL && b->message->standing != STANDING_REPORT;
}

/* Destinations without any agent come first, and reports last. */
static void
serve_all(struct runner *r, bool people, bool fresh)
{
	struct destination *d, *next;

	TAILQ_FOREACH_SAFE(d, &r->ready, link, next)
	{
		if (d->dead_until == 0 && waits_for_people(d) == people &&
		    (d->agents == 0 || !fresh)) {
			serve_destination(r, d);
		}
	}
}

bool
agents_dispatch(struct runner *r)
{
	struct destination *d, *next;
	bool more = false;

	r->starved = false;
	memset(r->waits, 0, sizeof(r->waits));
	TAILQ_FOREACH_SAFE(d, &r->ready, link, next)
	{
		if (destination_bury(r, d)) {
			more = more || d->nwaiting > 0;
		}
	}
	serve_all(r, true, true);
	serve_all(r, true, false);
	serve_all(r, false, true);
	serve_all(r, false, false);
	agents_hurry(r);
	return more;
}
