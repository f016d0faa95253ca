/* SPDX-License-Identifier: ISC */
/* What agents say, and what follows from it for their next hops. */
#include "smtpd/queue/scheduler.h"

#include "common/log/log.h"

#include <signal.h>

/* A batch of what has no fate yet, or NULL. */
static struct batch *
rest_of(struct runner *r, const struct batch *b)
{
	struct batch *rest = NULL;

	for (size_t i = 0; i < b->count; i++) {
		if (b->fates[i].known) {
			continue;
		}
		if (rest == NULL) {
			rest = batch_new(b->message, b->fallback);
		}
		if (rest == NULL ||
		    batch_add(rest, b->fates[i].recipient) == NULL) {
			runner_fail(r, "no memory");
			break;
		}
	}
	return rest;
}

static void
done(struct runner *r, struct agent *a)
{
	struct destination *d = a->destination;
	bool good = false;

	for (size_t i = 0; i < a->batch->count; i++) {
		const struct fate *v = &a->batch->fates[i];
		good = good || (v->known && v->kind != OUTCOME_DEFERRED);
	}
	destination_success(d);
	if (good) {
		window_success(&d->window);
	}
	crew_end_order(r, a, "our own sender process said nothing of it");
}

/* The next hop does not work, as far as this agent can see. */
static void
dead(struct runner *r, struct agent *a, const struct outcome *o)
{
	struct destination *d = a->destination;
	struct batch *b = a->batch, *rest = b == NULL ? NULL : rest_of(r, b);
	struct fate why = { 0 };

	a->batch = NULL;
	crew_hang_up(a);
	if (b == NULL) {
		return; /* between two orders: the next agent will see */
	}
	window_trouble(&d->window);
	d->deaths++;
	fate_set(&why, OUTCOME_DEAD, o->dsn, o->host, o->text);
	outcome_conclude(r, b, d->local);
	bool alive = destination_alive(d);
	if (rest != NULL && alive && !b->again) {
		rest->again = true;
		destination_put(r, d, rest);
	} else if (rest != NULL) {
		destination_refuse(r, d, rest, &why);
	}
	batch_end(r, b);
	if (!alive) {
		destination_die(r, d, &why);
	}
	fate_free(&why);
}

/* false: it does not speak as an agent should. */
static bool
take(struct runner *r, struct agent *a, const struct outcome *o)
{
	if (o->kind != OUTCOME_DEAD &&
	    (a->batch == NULL || o->serial != a->serial)) {
		return false;
	}
	switch ((enum outcome_kind)o->kind) {
	case OUTCOME_SENT:
	case OUTCOME_DEFERRED:
	case OUTCOME_FAILED:
	case OUTCOME_EXPANDED:
		outcome_take(r, a->batch, o, a->destination->local);
		return true;
	case OUTCOME_DONE:
		done(r, a);
		return true;
	case OUTCOME_DEAD:
		dead(r, a, o);
		return true;
	}
	return false;
}

static void
listen_to(struct runner *r, struct agent *a)
{
	struct outcome o;
	int n = 1;

	for (int i = 0; i <= ORDER_RECIPIENTS && a->channel != -1; i++) {
		n = agent_outcome(a->channel, &o);
		if (n == 1 && !take(r, a, &o)) {
			log_error("agent %d for %s answers what nobody asked",
			    (int)a->pid, a->destination->key);
			kill(a->pid, SIGKILL);
			n = -1;
		}
		if (n != 1) {
			break;
		}
	}
	if (n == -1 && a->channel != -1) {
		crew_hang_up(a);
	}
}

void
crew_wait(struct runner *r, int timeout)
{
	for (size_t i = 0; i < r->nagents; i++) {
		const struct agent *a = &r->agents[i];
		r->polls[i] = (struct pollfd){
			.fd = a->destination == NULL ? -1 : a->channel,
			.events = POLLIN,
		};
	}
	if (poll(r->polls, (nfds_t)r->nagents, timeout) <= 0) {
		return;
	}
	for (size_t i = 0; i < r->nagents; i++) {
		if (r->polls[i].revents != 0 && r->agents[i].channel != -1) {
			listen_to(r, &r->agents[i]);
		}
	}
}
