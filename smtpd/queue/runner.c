/* SPDX-License-Identifier: ISC */
/*
 * The queue runner: a scheduler that sleeps only in poll(2) and never talks to
 * the network.  Runs as root if the queue belongs to root.
 */
#include "smtpd/queue/runner.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/log/stats_report.h"
#include "common/names/aliases.h"
#include "common/names/passwd.h"
#include "common/process/sandbox.h"
#include "smtpd/queue/scheduler_private.h"
#include "smtpd/route/target.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	TICK = 50,              /* ms between two unasked looks for new mail */
	SLOW_TICK = 500,        /* when new mail is not ours to take */
	LAST_ORDERS = 30000,    /* ms for what is under way at a SIGTERM */
	SWEEP = 10000,          /* ms between two tidyings of the memory */
	OTHER_DESCRIPTORS = 48, /* the queue's, the log's, a message's body */
};

static volatile sig_atomic_t stop_asked;

static void
ask_to_stop(int number)
{
	(void)number;
	stop_asked = 1;
}

static void
wake_up(int number)
{
	(void)number;
}

/* Signals interrupt poll(2), so that an agent that ends is reaped at once. */
static void
catch_signals(void)
{
	struct sigaction stop = { .sa_handler = ask_to_stop };
	struct sigaction wake = { .sa_handler = wake_up };
	sigset_t none;

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGCHLD, &wake, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A descriptor for each claimed message and each agent. */
static void
size_windows(struct runner *r)
{
	struct rlimit limit;
	size_t most = RUN_MESSAGES;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		size_t others = r->nagents + OTHER_DESCRIPTORS;
		size_t rest = limit.rlim_cur <= others
		                  ? 1
		                  : (size_t)limit.rlim_cur - others;
		most = rest < most ? rest : most;
	}
	r->most_messages = most;
	r->share = most < 10 * RUN_SHARE ? most / 10 : RUN_SHARE;
	r->share = r->share < 2 ? 2 : r->share;
}

/* Works until nothing is left, or until a while after being told to stop. */
static void
run_until_done(struct runner *r)
{
	int64_t last_orders = 0, sweep = deadline_now() + SWEEP;

	for (;;) {
		/* Agents wait for nothing but their orders. */
		if (!r->stopping) {
			(void)agents_dispatch(r);
		}
		bool more = agents_settle(r);
		more = intake_fill(r) || more;
		if (!r->stopping) {
			more = agents_dispatch(r) || more;
		}
		agents_tend(r);
		r->stopping = r->stopping || stop_asked != 0;
		int64_t now = deadline_now();
		if (r->stopping && last_orders == 0) {
			last_orders = now + LAST_ORDERS;
		}
		if (r->stopping && (!agents_working(r) || now >= last_orders)) {
			agents_abandon(r);
		}
		if (r->messages == 0 && r->busy == 0 && outcome_synced(r) &&
		    intake_done(r)) {
			return;
		}
		if (now >= sweep) {
			destinations_sweep(r);
			sweep = now + SWEEP;
		}
		agents_wait(r, more ? 0 : r->intake.watch ? TICK : SLOW_TICK);
	}
}

/* Takes care of new mail, unless another runner does. */
static void
watch_queue(struct runner *r)
{
	intake_watch(r);
	do {
		int turn = queue_lock_runner(&r->queue);
		if (turn == -1) {
			if (errno != EWOULDBLOCK) {
				runner_fail(r, "cannot lock the queue");
			}
			return;
		}
		run_until_done(r);
		close(turn);
		/* A runner that came meanwhile saw the lock, and ended. */
	} while (!r->stopping && intake_changed(r));
}

/*
 * A runner reads what strangers have written: where the kernel can do that, it
 * can open nothing but the queue from here on.  Who carries messages needs
 * more, and is started by somebody else.
 */
static int
confine(struct runner *r)
{
	if (!sandbox_can_confine_runner()) {
		return 0;
	}
	if (agents_begin_starter(r) == -1) {
		return -1;
	}
	expansion_prepare(r);
	forwarding_prepare(r);
	if (config_system_users(r->config)) {
		passwd_load();
	}
	/* The file is replaced by one beside it. */
	char stats[PATH_MAX];
	strlcpy(stats, r->config->stats_file, sizeof(stats));
	if (sandbox_runner(r->queue.path, r->config->state,
		stats[0] == '\0' ? "" : dirname(stats)) == -1) {
		int saved = errno;
		starter_end(&r->starter);
		errno = saved;
		return -1;
	}
	return 0;
}

static int
start_run(struct runner *r)
{
	if (queue_open(&r->queue, r->config->queue) == -1) {
		log_error("cannot open the queue %s: %s", r->config->queue,
		    strerror(errno));
		return errno == EACCES || errno == EPERM ? EX_NOPERM
		                                         : EX_TEMPFAIL;
	}
	TAILQ_INIT(&r->ready);
	TAILQ_INIT(&r->ended);
	TAILQ_INIT(&r->written);
	if (agents_open(r) == -1) {
		log_error("no memory for a queue run");
		queue_close(&r->queue);
		return EX_TEMPFAIL;
	}
	size_windows(r);
	if (confine(r) == -1) {
		log_error(
		    "the queue runner cannot be confined: %s", strerror(errno));
		agents_free(r);
		queue_close(&r->queue);
		return EX_OSERR;
	}
	catch_signals();
	return EX_OK;
}

int
runner_run(const struct config *config, const struct queue_run *run)
{
	static const struct queue_run usual = { .deferred = false };
	struct runner r = {
		.config = config, .run = run, .intake = { .notices = -1 }
	};

	log_part("qmgr");
	int status = start_run(&r);
	if (status != EX_OK) {
		return status;
	}
	if (run->force || run->id != NULL || run->match != NULL) {
		run_until_done(&r);
		/* No other runner takes care of the reports just committed. */
		r.run = &usual;
		if (r.committed && !r.stopping) {
			watch_queue(&r);
		}
	} else {
		watch_queue(&r);
	}
	stats_disk(config);
	stats_report_write(config);
	starter_end(&r.starter);
	destinations_free(&r);
	intake_free(&r.intake);
	signing_close(&r);
	forwarding_forget();
	agents_free(&r);
	aliases_free(r.aliases);
	lists_free(r.lists);
	names_free(r.names);
	queue_close(&r.queue);
	return r.status;
}

/* ---- as a job of the server ---- */

bool
runner_is_due(const struct config *config, bool start)
{
	struct queue q;

	/* A server for one connection asks this, too, and needs no folders. */
	int result = start ? queue_open(&q, config->queue)
	                   : queue_open_top(&q, config->queue);
	if (result == -1) {
		return false; /* sessions say so when they need it */
	}
	bool due = intake_is_due(&q, start);
	queue_close(&q);
	return due;
}

void
runner_run_due(const struct config *config)
{
	struct queue_run run = { .deferred = false };

	(void)runner_run(config, &run);
}
