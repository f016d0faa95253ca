/* SPDX-License-Identifier: ISC */
/*
 * The agents of a run, from their start to their end, and what they say.  Each
 * is started with our rights and gives them up itself; what it says afterwards
 * is checked.
 */
#include "common/process/process.h"
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/keeper/signer.h"
#include "common/log/log.h"
#include "smtpd/local/agent.h"
#include "smtpd/relay/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	KEEP = 1000,       /* ms that a connection is kept for more mail */
	KEEP_LOGIN = 5000, /* a login costs more */
	GRACE = 5000,      /* ms to end after its channel is closed */
	CRASHES = 3,       /* in a row until the next hop counts as down */
	/* ms until it has greeted us, where others wait for the place */
	HURRY_REPORT = 10 * 1000,
	HURRY = 30 * 1000,
};

/* The code of a lost connection: it does not prove that the hop works. */
static const char LOST[] = "4.4.2";

int
agents_open(struct runner *r)
{
	static char here[] = DESTINATION_LOCAL;

	r->nagents = r->config->queue_concurrency;
	r->agents = calloc(r->nagents, sizeof(*r->agents));
	r->polls = calloc(r->nagents + 2, sizeof(*r->polls));
	TAILQ_INIT(&r->here.waiting);
	r->here.key = here;
	r->here.local = true;
	r->here.wanted = -1;
	return r->agents == NULL || r->polls == NULL ? -1 : 0;
}

void
agents_free(struct runner *r)
{
	free(r->agents);
	free(r->polls);
}

/* ---- starting ---- */

static void
ignore_signal(int number)
{
	(void)number;
}

/*
 * Runs in the new process.  An agent ends when its channel does, and not by the
 * signal that stops us, so that it finishes what is under way.  The signals
 * have a handler because commands would inherit "ignored" from the agent.
 */
static void
run_agent(const struct config *config, enum starter_kind kind,
    const struct hop *hop, int channel, int slot)
{
	struct sigaction quiet = { .sa_handler = ignore_signal,
		.sa_flags = SA_RESTART };
	int keep[] = { channel, log_fd(), slot };

	/* First, because messages stay locked while their descriptors live. */
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	process_lead_group();
	process_default_signals();
	if (kind == START_SIGNER) {
		signer_run(config, channel);
	}
	log_part(hop == NULL ? "local" : "smtp");
	sigaction(SIGTERM, &quiet, NULL);
	sigaction(SIGINT, &quiet, NULL);
	sigaction(SIGHUP, &quiet, NULL);
	if (hop == NULL) {
		local_agent(config, channel);
	}
	relay_agent(config, hop, channel);
}

/* As fork(2), in the parent alone. */
static pid_t
begin(const struct runner *r, enum starter_kind kind, const struct hop *hop,
    int channel, int slot)
{
	if (r->starter.pid != 0) {
		return starter_start(&r->starter, kind, hop, channel, slot);
	}
	pid_t pid = fork();
	if (pid == 0) {
		forwarding_forget();
		run_agent(r->config, kind, hop, channel, slot);
		_exit(EX_SOFTWARE);
	}
	return pid;
}

pid_t
agent_start_signer(const struct runner *r, int channel)
{
	return begin(r, START_SIGNER, NULL, channel, -1);
}

bool
agent_start(struct runner *r, struct agent *a, struct destination *d,
    const struct hop *hop, int slot)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		runner_fail(r, "cannot start an agent");
		if (slot != -1) {
			close(slot);
		}
		return false;
	}
	pid_t pid = begin(
	    r, hop == NULL ? START_LOCAL : START_RELAY, hop, pair[1], slot);
	int saved = errno;
	if (slot != -1) {
		close(slot); /* the agent has it */
	}
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		errno = saved;
		runner_fail(r, "cannot start an agent");
		return false;
	}
	*a = (struct agent){ .destination = d,
		.pid = pid,
		.channel = pair[0],
		.started = deadline_now(),
		.keep = hop == NULL            ? 0
		        : hop->user[0] != '\0' ? KEEP_LOGIN
		                               : KEEP };
	d->agents++;
	r->busy++;
	return true;
}

int
agents_begin_starter(struct runner *r)
{
	return starter_begin(&r->starter, r->config, run_agent, relay_prepare);
}

/* ---- ending ---- */

void
agent_close(struct agent *a)
{
	close(a->channel);
	a->channel = -1;
	a->closed = deadline_now();
}

/* Records what has become of an order; what has no result waits: why. */
static void
record_order(struct runner *r, struct batch *b, const char *why)
{
	for (size_t i = 0; i < b->count; i++) {
		if (!b->results[i].known) {
			result_set(&b->results[i], OUTCOME_DEFERRED, "4.3.0",
			    "none", why);
		}
	}
	outcome_conclude(r, b);
	batch_end(r, b);
}

/* The agent no longer has its order. */
static struct batch *
take_order(struct agent *a)
{
	struct batch *b = a->batch;

	a->batch = NULL;
	a->idle_since = deadline_now();
	return b;
}

bool
agents_settle(struct runner *r)
{
	struct batch *b;

	do {
		b = outcome_sync_due(r) ? NULL : TAILQ_FIRST(&r->ended);
		if (b != NULL) {
			TAILQ_REMOVE(&r->ended, b, link);
			r->nended--;
			batch_divert(r, b);
			record_order(r, b,
			    "internal error: the delivery process gave no "
			    "result");
		} else {
			outcome_sync_some(r);
		}
	} while (r->nended > r->busy);
	return r->nended > 0 || !outcome_synced(r);
}

/* The agent's process has ended with an order under way. */
static void
agent_crashed(struct runner *r, struct agent *a, int status)
{
	struct destination *d = a->destination;
	struct result why = { 0 };
	char text[96];

	snprintf(text, sizeof(text),
	    "internal error: the delivery process ended %s %d",
	    WIFSIGNALED(status) ? "by signal" : "with status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_error("agent %d for %s: %s", (int)a->pid, d->key, text);
	record_order(r, take_order(a), text);
	window_trouble(&d->window);
	if (++d->crashes >= CRASHES && !d->local) {
		result_set(&why, OUTCOME_DEAD, "4.3.0", "none", text);
		destination_die(r, d, &why);
		result_free(&why);
	}
}

static void
reap_agent(struct runner *r, struct agent *a)
{
	int status;
	pid_t pid = waitpid(a->pid, &status, WNOHANG);

	if (pid == 0) {
		if (deadline_now() - a->closed > GRACE) {
			kill(a->pid, SIGKILL);
		}
		return;
	}
	if (a->batch != NULL) {
		agent_crashed(r, a, pid == -1 ? 0 : status);
	}
	a->destination->agents--;
	a->destination = NULL;
	r->busy--;
}

void
agents_tend(struct runner *r)
{
	int64_t now = deadline_now();
	bool over = r->stopping || (!r->intake.watch && intake_done(r));

	signing_keep(r);

	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination == NULL) {
			continue;
		}
		bool wanted = a->destination->nwaiting > 0 && !r->stopping;
		if (a->channel != -1 && a->batch == NULL && !wanted &&
		    (over || now - a->idle_since >= a->keep)) {
			agent_close(a);
		}
		if (a->channel == -1) {
			reap_agent(r, a);
		}
	}
}

bool
agents_working(const struct runner *r)
{
	for (size_t i = 0; i < r->nagents; i++) {
		if (r->agents[i].destination != NULL &&
		    r->agents[i].batch != NULL) {
			return true;
		}
	}
	return false;
}

void
agents_abandon(struct runner *r)
{
	struct destination *d;
	struct batch *b;

	while (agents_settle(r)) {
		continue;
	}
	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination == NULL || a->batch == NULL) {
			continue;
		}
		if (a->channel != -1) {
			agent_close(a);
		}
		outcome_conclude(r, a->batch);
		batch_end(r, a->batch);
		a->batch = NULL;
	}
	while ((d = TAILQ_FIRST(&r->ready)) != NULL) {
		while ((b = destination_take(r, d)) != NULL) {
			batch_end(r, b);
		}
	}
}

/* ---- reading outcomes ---- */

/* A batch of the recipients without a result, or NULL. */
static struct batch *
rest_of(struct runner *r, const struct batch *b)
{
	struct batch *rest = NULL;

	for (size_t i = 0; i < b->count; i++) {
		if (b->results[i].known) {
			continue;
		}
		if (rest == NULL) {
			rest = batch_new(b->message);
		}
		if (rest == NULL ||
		    batch_add(rest, b->results[i].recipient) == NULL) {
			runner_fail(r, "no memory");
			break;
		}
		rest->local = b->local;
		rest->named = b->named;
		rest->store = b->store;
		rest->fallback = b->fallback;
	}
	return rest;
}

static void
order_done(struct runner *r, struct agent *a)
{
	struct destination *d = a->destination;
	bool good = false, lost = true;

	for (size_t i = 0; i < a->batch->count; i++) {
		const struct result *result = &a->batch->results[i];
		good =
		    good || (result->known && result->kind != OUTCOME_DEFERRED);
		lost = lost && strcmp(result->dsn, LOST) == 0;
	}
	a->orders++;
	if (!lost) {
		destination_success(d);
	}
	if (good) {
		window_success(&d->window);
	}
	struct batch *b = take_order(a);
	TAILQ_INSERT_TAIL(&r->ended, b, link);
	r->nended++;
}

/* Another agent gets what this one had no connection for any more. */
static bool
kept_lost(struct runner *r, struct agent *a)
{
	struct batch *b = a->batch, *rest;

	if (a->orders == 0) {
		return false;
	}
	rest = rest_of(r, b);
	a->batch = NULL;
	agent_close(a);
	batch_divert(r, b);
	outcome_conclude(r, b);
	if (rest != NULL) {
		rest->again = b->again;
		destination_put(r, a->destination, rest);
	}
	batch_end(r, b);
	return true;
}

/* The next hop does not work, as far as this agent can see. */
static void
hop_dead(struct runner *r, struct agent *a, const struct outcome *o)
{
	struct destination *d = a->destination;
	struct batch *b = a->batch, *rest = b == NULL ? NULL : rest_of(r, b);
	struct result why = { 0 };

	a->batch = NULL;
	agent_close(a);
	if (b == NULL) {
		return; /* between two orders: the next agent will see */
	}
	window_trouble(&d->window);
	d->deaths++;
	batch_divert(r, b);
	result_set(&why, OUTCOME_DEAD, o->dsn, o->host, o->text);
	outcome_conclude(r, b);
	bool alive = destination_alive(d);
	if (rest != NULL && alive && !b->again) {
		rest->again = true;
		destination_put(r, d, rest);
	} else if (rest != NULL) {
		batch_refuse(r, rest, &why);
	}
	batch_end(r, b);
	if (!alive) {
		destination_die(r, d, &why);
	}
	result_free(&why);
}

void
agents_hurry(struct runner *r)
{
	struct outcome late = { .kind = OUTCOME_DEAD,
		.dsn = "4.4.2",
		.host = "none",
		.text = "no session with the next hop in time, and other mail "
			"waits" };
	int64_t now = deadline_now();

	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination == NULL || a->destination == &r->here ||
		    a->channel == -1 || a->batch == NULL || a->open) {
			continue;
		}
		enum work work = place_work(a->batch);
		int most = work == WORK_REPORT ? HURRY_REPORT : HURRY;
		if ((r->starved || r->waits[work]) &&
		    now - a->batch->given >= most) {
			kill(a->pid, SIGKILL);
			hop_dead(r, a, &late);
		}
	}
}

/* False if the agent breaks the protocol. */
static bool
take_outcome(struct runner *r, struct agent *a, const struct outcome *o)
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
		outcome_take(r, a->batch, o);
		if (o->last != 0) {
			order_done(r, a);
		}
		return true;
	case OUTCOME_DONE:
		r->committed = r->committed || (o->relayed & DONE_QUEUED) != 0;
		order_done(r, a);
		return true;
	case OUTCOME_OPEN:
		a->open = true;
		return true;
	case OUTCOME_STALE:
		return kept_lost(r, a);
	case OUTCOME_DEAD:
		hop_dead(r, a, o);
		return true;
	}
	return false;
}

/* Takes a message of an agent; false: it may not send that now. */
static bool
take_message(struct runner *r, struct agent *a, enum agent_message kind,
    const union agent_said *said)
{
	switch (kind) {
	case AGENT_OUTCOME:
		return take_outcome(r, a, &said->outcome);
	case AGENT_QUESTION:
		if (a->batch == NULL || said->question.serial != a->serial) {
			return false;
		}
		signing_take(r, a, &said->question);
		return true;
	case AGENT_NEWS:
		return policies_take(r, a, &said->news);
	case AGENT_NOTE:
		return policies_note(r, a, &said->note);
	case AGENT_NOTHING:
	case AGENT_GONE:
		break;
	}
	return false;
}

static void
read_messages(struct runner *r, struct agent *a)
{
	static union agent_said said;
	enum agent_message kind = AGENT_OUTCOME;

	for (int i = 0;
	     i <= ORDER_RECIPIENTS && a->channel != -1 && kind > AGENT_NOTHING;
	     i++) {
		kind = agent_receive(a->channel, &said);
		if (kind > AGENT_NOTHING && !take_message(r, a, kind, &said)) {
			log_error("agent %d for %s sent an unexpected message: "
				  "killed",
			    (int)a->pid, a->destination->key);
			kill(a->pid, SIGKILL);
			kind = AGENT_GONE;
		}
	}
	if (kind == AGENT_GONE && a->channel != -1) {
		agent_close(a);
	}
}

void
agents_wait(struct runner *r, int timeout)
{
	for (size_t i = 0; i < r->nagents; i++) {
		const struct agent *a = &r->agents[i];
		r->polls[i] = (struct pollfd){
			.fd = a->destination == NULL ? -1 : a->channel,
			.events = POLLIN,
		};
	}
	r->polls[r->nagents] = (struct pollfd){
		.fd = r->intake.notices,
		.events = POLLIN,
	};
	r->polls[r->nagents + 1] = (struct pollfd){
		.fd = r->signing.pid == 0 ? -1 : r->signing.channel,
		.events = POLLIN,
	};
	if (poll(r->polls, (nfds_t)r->nagents + 2, timeout) <= 0) {
		return;
	}
	if (r->polls[r->nagents + 1].revents != 0) {
		signing_serve(r);
	}
	if (r->polls[r->nagents].revents != 0) {
		intake_notice(&r->intake);
	}
	for (size_t i = 0; i < r->nagents; i++) {
		if (r->polls[i].revents != 0 && r->agents[i].channel != -1) {
			read_messages(r, &r->agents[i]);
		}
	}
}
