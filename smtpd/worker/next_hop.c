/* SPDX-License-Identifier: ISC */
/*
 * Finds out whether a next hop takes mail for recipients: by what is remembered
 * of it (hop_memory.h), else by asking.  Runs with the rights of the server, so
 * that it can write to the table, and reads nothing from the network: another
 * process asks (smtpd/relay/inquiry.h), whose answers are checked here.
 */
#include "smtpd/worker/next_hop.h"

#include "common/io/deadline.h"
#include "common/io/socket.h"
#include "common/job/resident.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "smtpd/relay/inquiry.h"
#include "smtpd/route/route.h"
#include "smtpd/worker/hop_memory.h"
#include "smtpd/worker/next_hop_private.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST = 64,         /* jobs that wait; see stay_rules */
	PLACE_WAIT = 5000, /* ms for a place among the connections to the hop */
	PLACE_PAUSE = 50,  /* ms between tries */
	LOOK_EVERY = 500,  /* ms at those whose turn has not come */
};

_Static_assert(
    sizeof(struct next_hop_answer) <= CHANNEL_DATA, "see next_hop_run()");
_Static_assert(sizeof(struct next_hop_question) <= RESIDENT_HEAD, "it fits");

struct waiting {
	uint64_t ticket;
	int64_t since;
	struct next_hop_question question;
};

struct asking {
	const struct task *task;
	struct hop hop;
	struct hop_memory memory;
	int jobs; /* where they come from; -1: there are no more */
	struct waiting list[MOST];
	size_t n;
	bool asked;    /* about the first of them, */
	int64_t until; /* and when its answer must be here */
	int pid;       /* of the process that asks; 0: there is none */
	bool fresh;    /* it was started for the question under way */
	int channel;   /* to that */
	bool placed;   /* it may connect */
};

bool
next_hop_valid(const void *payload, size_t size)
{
	const struct next_hop_question *q = payload;

	return size == sizeof(*q) && q->user <= 1 &&
	       memchr(q->text, '\0', sizeof(q->text)) != NULL;
}

/* The next hop; false: no session could mean that. */
static bool
find_hop(const struct config *config, const struct next_hop_question *q,
    struct hop *hop)
{
	struct address a;
	struct route route;
	const char *rest;

	if (q->user != 0) {
		route_user(config, &route);
	} else if (address_path_utf8(q->text, &a, &rest) == PATH_OK &&
		   *rest == '\0' && a.domain[0] != '\0' &&
		   route_hands_on(config, a.domain)) {
		route_find(config, "", &a, &route);
	} else {
		return false;
	}
	*hop = route.hop;
	return config->recipient_check == RECIPIENT_CHECK_NEXT_HOP &&
	       route.kind == ROUTE_HOP;
}

/* ---- answers ---- */

static uint32_t
now_of(void)
{
	return (uint32_t)time(NULL);
}

/* Answers a job, which leaves the list. */
static void
finish(struct asking *x, size_t i, struct next_hop_answer *a)
{
	struct {
		struct resident_result head;
		struct next_hop_answer answer;
	} message;

	a->unknown = a->result == NEXT_HOP_REFUSES &&
	             strncmp(a->line + 4, "5.1.", 4) == 0;
	if (x->task->jobs > 1) {
		memset(&message, 0, sizeof(message));
		message.head.ticket = x->list[i].ticket;
		message.head.status = STATUS_OK;
		message.answer = *a;
		if (send(x->task->stay, &message, sizeof(message),
			MSG_NOSIGNAL) == -1) {
			_exit(EX_IOERR);
		}
	} else {
		memcpy(x->task->reply->data, a, sizeof(*a));
		x->task->reply->size = sizeof(*a);
	}
	x->n--;
	memmove(&x->list[i], &x->list[i + 1], (x->n - i) * sizeof(x->list[0]));
}

/* Answers as far as that can be done without the hop. */
static void
do_without(struct asking *x, size_t i)
{
	struct next_hop_answer a = { .result = NEXT_HOP_SILENT };

	if (hop_memory_has_taken(&x->memory, &x->list[i].question, now_of())) {
		a.result = NEXT_HOP_TAKES;
	}
	finish(x, i, &a);
}

/* True if a job is done by what is known. */
static bool
is_known(struct asking *x, size_t i)
{
	struct next_hop_answer a;
	uint32_t now = now_of();

	if (hop_memory_knows(&x->memory, &x->list[i].question, now, &a)) {
		finish(x, i, &a);
		return true;
	}
	if (hop_memory_is_down(&x->memory, now)) {
		do_without(x, i);
		return true;
	}
	return false;
}

/* ---- the process that asks ---- */

static void
stop_asking(struct asking *x)
{
	if (x->pid != 0) {
		inquiry_stop(x->pid, x->channel);
	}
	x->pid = 0;
	x->asked = false;
}

/* The hop does not answer: it is not tried again for a while. */
static void
give_up(struct asking *x, const char *why)
{
	stop_asking(x);
	if (hop_memory_note_down(&x->memory, now_of())) {
		log_error("cannot ask %s about recipients: %s; those that it "
			  "has accepted before are accepted, others are told "
			  "to try again (see recipient-check)",
		    x->memory.hop, why);
	}
	while (x->n > 0) {
		do_without(x, 0);
	}
}

/* Waits for one of the connections that the hop is to have at most. */
static bool
have_place(struct asking *x)
{
	int64_t until = deadline_now() + PLACE_WAIT;

	while (!x->placed && deadline_now() < until) {
		x->placed = hop_memory_take_place(&x->memory);
		if (!x->placed) {
			(void)poll(NULL, 0, PLACE_PAUSE);
		}
	}
	return x->placed;
}

static bool
send_question(struct asking *x)
{
	struct inquiry_question q;

	memset(&q, 0, sizeof(q));
	strlcpy(q.text, x->list[0].question.text, sizeof(q.text));
	x->fresh = x->pid == 0;
	if (x->fresh) {
		int pid = inquiry_start(x->task->config, &x->hop, &x->channel);
		x->pid = pid == -1 ? 0 : pid;
	}
	if (x->pid == 0 ||
	    send(x->channel, &q, sizeof(q), MSG_NOSIGNAL) == -1) {
		stop_asking(x);
		return false;
	}
	x->asked = true;
	x->until = deadline_now() + INQUIRY_LIMIT;
	return true;
}

/* Asks about the first that is not known. */
static void
go_on(struct asking *x)
{
	while (x->n > 0 && !x->asked) {
		if (is_known(x, 0)) {
			continue;
		}
		if (!have_place(x)) {
			log_warn("%d connections ask %s about recipients, and "
				 "do not get on: a client is told to try again",
			    HOP_PLACES, x->memory.hop);
			do_without(x, 0);
		} else if (!send_question(x) && !send_question(x)) {
			give_up(x, "no process can be started");
		}
	}
}

/* Takes an answer about the first in the list. */
static void
take_answer(struct asking *x)
{
	struct inquiry_answer said;
	struct next_hop_answer a;
	struct next_hop_question *q = &x->list[0].question;
	ssize_t n = recv(x->channel, &said, sizeof(said), MSG_DONTWAIT);
	bool full;

	if (n != (ssize_t)sizeof(said) && !x->fresh) {
		stop_asking(x); /* it may have been about to end: once more */
		return;
	}
	if (n != (ssize_t)sizeof(said)) {
		give_up(x, "the process that asks has ended");
		return;
	}
	x->asked = false;
	next_hop_read(&said, &a, &full);
	if (said.verdict == INQUIRY_FAILED) {
		give_up(x, a.line);
	} else if (a.result != NEXT_HOP_LATER || full) {
		hop_memory_keep(&x->memory, q, now_of(), &a, full);
		finish(x, 0, &a);
	} else {
		if (hop_memory_has_taken(&x->memory, q, now_of())) {
			a.result = NEXT_HOP_TAKES;
		}
		finish(x, 0, &a);
	}
}

/* ---- jobs ---- */

/* Takes one more; one for another hop is somebody else's. */
static void
take_job(struct asking *x)
{
	struct {
		struct resident_job job;
		struct next_hop_question question;
	} message;
	ssize_t n = recv(x->jobs, &message, sizeof(message), MSG_DONTWAIT);
	struct hop hop;
	char text[HOP_TEXT];

	if (n != (ssize_t)sizeof(message) ||
	    !next_hop_valid(&message.question, sizeof(message.question))) {
		x->jobs = -1; /* no more, or none that can be understood */
		return;
	}
	if (!find_hop(x->task->config, &message.question, &hop) ||
	    strcmp(hop_text(&hop, text), x->memory.hop) != 0) {
		struct resident_result r;
		memset(&r, 0, sizeof(r));
		r.ticket = message.job.ticket;
		r.other = 1;
		(void)!send(x->task->stay, &r, sizeof(r), MSG_NOSIGNAL);
		return;
	}
	x->list[x->n].ticket = message.job.ticket;
	x->list[x->n].since = deadline_now();
	x->list[x->n++].question = message.question;
	if (x->asked) {
		(void)is_known(x, x->n - 1); /* does not wait for the hop */
	}
}

/* Those whose turn does not come: the hop answers, but slowly. */
static void
let_go(struct asking *x)
{
	int64_t now = deadline_now();

	for (size_t i = x->n; i-- > 1;) {
		if (now - x->list[i].since > INQUIRY_LIMIT) {
			do_without(x, i);
		}
	}
}

/* Waits for a job or an answer. */
static void
wait_for(struct asking *x)
{
	struct pollfd p[2] = {
		{ .fd = x->n < MOST ? x->jobs : -1, .events = POLLIN },
		{ .fd = x->asked ? x->channel : -1, .events = POLLIN },
	};
	int64_t left = x->until - deadline_now();
	int timeout = !x->asked ? -1 : left > 0 ? (int)left : 0;
	bool others = x->n > 1 && timeout > LOOK_EVERY;
	int n = poll(p, 2, others ? LOOK_EVERY : timeout);

	let_go(x);
	if (x->asked && p[1].revents != 0) {
		take_answer(x);
	} else if (x->asked && deadline_now() >= x->until) {
		kill(x->pid, SIGKILL);
		give_up(x, "no answer in time");
	}
	if (n > 0 && p[0].revents != 0) {
		take_job(x);
	}
}

static _Noreturn void
stay(struct asking *x)
{
	int keep[] = { x->task->stay, x->memory.table.fd, log_fd() };

	/* The session's channel is not ours. */
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	x->jobs = x->task->stay;
	for (go_on(x); x->jobs != -1 || x->n > 0; go_on(x)) {
		wait_for(x);
	}
	stop_asking(x);
	_exit(EX_OK);
}

enum status
next_hop_run(const struct task *task)
{
	static struct asking x;

	x.task = task;
	x.jobs = -1;
	memcpy(&x.list[0].question, task->payload, sizeof(x.list[0].question));
	x.list[0].ticket = task->ticket;
	x.n = 1;
	if (!find_hop(task->config, &x.list[0].question, &x.hop)) {
		log_error("a session asked about a recipient that has no next "
			  "hop: refused");
		_exit(STATUS_TEMPORARY);
	}
	hop_memory_open(&x.memory, task->config, &x.hop, task->role);
	if (task->jobs > 1) {
		stay(&x);
	}
	for (go_on(&x); x.n > 0; go_on(&x)) {
		wait_for(&x);
	}
	stop_asking(&x);
	return STATUS_OK;
}
