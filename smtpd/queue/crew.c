/* SPDX-License-Identifier: ISC */
/*
 * The agents of a run.  Started with our rights, each of them gives them up
 * itself; what they say afterwards is checked.
 */
#include "smtpd/queue/scheduler.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/server/child.h"
#include "smtpd/local/agent.h"
#include "smtpd/relay/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	KEEP = 1000,       /* ms that a connection is kept for more mail */
	KEEP_LOGIN = 5000, /* one login is dearer */
	GRACE = 5000,      /* ms to say good-bye */
	CRASHES = 3,       /* in a row, and its next hop is given up */
};

int
crew_open(struct runner *r)
{
	r->nagents = r->config->queue_concurrency;
	r->agents = calloc(r->nagents, sizeof(*r->agents));
	r->polls = calloc(r->nagents, sizeof(*r->polls));
	return r->agents == NULL || r->polls == NULL ? -1 : 0;
}

void
crew_free(struct runner *r)
{
	free(r->agents);
	free(r->polls);
}

/* ---- starting ---- */

static void
take_no_notice(int number)
{
	(void)number;
}

/*
 * In the new process.  An agent ends when its channel does, and not by the
 * signal that stops us: what is under way is finished.  A handler, because
 * commands that it starts would inherit "ignored".
 */
static _Noreturn void
serve(const struct config *config, const struct hop *hop, int channel)
{
	struct sigaction quiet = { .sa_handler = take_no_notice,
		.sa_flags = SA_RESTART };
	int keep[] = { channel, log_fd() };

	/* First of all: the locks of messages end with their descriptors. */
	child_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	child_default_signals();
	log_part(hop == NULL ? "local" : "smtp");
	sigaction(SIGTERM, &quiet, NULL);
	sigaction(SIGINT, &quiet, NULL);
	sigaction(SIGHUP, &quiet, NULL);
	if (hop == NULL) {
		local_agent(config, channel);
	}
	relay_agent(config, hop, channel);
}

bool
crew_start(struct runner *r, struct agent *a, struct destination *d,
    const struct hop *hop)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		runner_fail(r, "cannot start an agent");
		return false;
	}
	pid_t pid = fork();
	if (pid == 0) {
		serve(r->config, hop, pair[1]);
	}
	int saved = errno;
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
		.keep = hop == NULL            ? 0
		        : hop->user[0] != '\0' ? KEEP_LOGIN
		                               : KEEP };
	d->agents++;
	r->busy++;
	return true;
}

/* ---- ending ---- */

void
crew_hang_up(struct agent *a)
{
	close(a->channel);
	a->channel = -1;
	a->closed = deadline_now();
}

void
crew_end_order(struct runner *r, struct agent *a, const char *why)
{
	struct batch *b = a->batch;

	a->batch = NULL;
	a->idle_since = deadline_now();
	for (size_t i = 0; i < b->count; i++) {
		if (!b->fates[i].known) {
			fate_set(&b->fates[i], OUTCOME_DEFERRED, "4.3.0",
			    "none", why);
		}
	}
	outcome_conclude(r, b, a->destination->local);
	batch_end(r, b);
}

/* The agent's process has ended with an order under way. */
static void
crashed(struct runner *r, struct agent *a, int status)
{
	struct destination *d = a->destination;
	struct fate why = { 0 };
	char text[96];

	snprintf(text, sizeof(text), "our own sender process ended %s %d",
	    WIFSIGNALED(status) ? "by signal" : "with status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_error("agent %d for %s: %s", (int)a->pid, d->key, text);
	crew_end_order(r, a, text);
	window_trouble(&d->window);
	if (++d->crashes >= CRASHES) {
		fate_set(&why, OUTCOME_DEAD, "4.3.0", "none", text);
		destination_die(r, d, &why);
		fate_free(&why);
	}
}

static void
reap(struct runner *r, struct agent *a)
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
		crashed(r, a, pid == -1 ? 0 : status);
	}
	a->destination->agents--;
	a->destination = NULL;
	r->busy--;
}

void
crew_tend(struct runner *r)
{
	int64_t now = deadline_now();
	bool over = r->stopping || (!r->intake.watch && intake_done(r));

	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination == NULL) {
			continue;
		}
		bool wanted = a->destination->nwaiting > 0 && !r->stopping;
		if (a->channel != -1 && a->batch == NULL && !wanted &&
		    (over || now - a->idle_since >= a->keep)) {
			crew_hang_up(a);
		}
		if (a->channel == -1) {
			reap(r, a);
		}
	}
}

bool
crew_working(const struct runner *r)
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
crew_abandon(struct runner *r)
{
	struct destination *d;
	struct batch *b;

	for (size_t i = 0; i < r->nagents; i++) {
		struct agent *a = &r->agents[i];
		if (a->destination == NULL || a->batch == NULL) {
			continue;
		}
		if (a->channel != -1) {
			crew_hang_up(a);
		}
		outcome_conclude(r, a->batch, a->destination->local);
		batch_end(r, a->batch);
		a->batch = NULL;
	}
	while ((d = TAILQ_FIRST(&r->ready)) != NULL) {
		while ((b = destination_take(r, d)) != NULL) {
			batch_end(r, b);
		}
	}
}
