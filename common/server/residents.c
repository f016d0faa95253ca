/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/residents.h"

#include "common/io/deadline.h"
#include "common/io/socket.h"
#include "common/job/resident.h"
#include "common/log/log.h"
#include "common/server/left.h"
#include "common/server/place.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	RECENT = 1000,    /* ms: jobs that are like each other come in these */
	RECENT_SET = 8,   /* places that a key may have */
	ANSWERS = 16,     /* that are taken at a time */
	GOES = 10 * 1000, /* ms for its end when it was let go */
};

/* ---- which job is like which ---- */

/*
 * The note about jobs with that key; if there is none, the oldest of those in
 * whose place it may be.  Were there one place for a key, recipients who share
 * it would never have a resident.
 */
static struct recent *
find_recent(struct server *s, uint64_t key)
{
	size_t sets = RECENT_JOBS / RECENT_SET;
	struct recent *set = &s->recent[key % sets * RECENT_SET];
	struct recent *oldest = set;

	for (size_t i = 0; i < RECENT_SET; i++) {
		if (set[i].key == key) {
			return &set[i];
		}
		oldest = set[i].when < oldest->when ? &set[i] : oldest;
	}
	return oldest;
}

/* True if such a job came within the last second; notes this one. */
static bool
is_recent(struct server *s, uint64_t key, int64_t now)
{
	struct recent *r = find_recent(s, key);
	bool recent = r->key == key && now - r->when < RECENT;

	*r = (struct recent){ .key = key, .when = now };
	return recent;
}

static bool
may_be_taken(const struct server *s, const struct slot *slot)
{
	const struct stay_rule *rule = &stay_rules[slot->request.kind];

	return s->nlisteners > 0 && slot->request.key != 0 && rule->jobs > 0 &&
	       (!rule->strangers ||
		   (slot->role == ROLE_MX && slot->user[0] == '\0'));
}

static struct resident *
find(struct server *s, const struct request *job)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		struct resident *r = &s->residents[i];
		if (r->pid != 0 && r->stays && !r->leaving &&
		    r->key == job->key && r->kind == job->kind) {
			return r;
		}
	}
	return NULL;
}

/*
 * Tells it that there will be no more jobs.  What it has got it does, and its
 * answers are read until it has ended.
 */
static void
let_go(struct resident *r, int64_t now)
{
	if (r->leaving) {
		return;
	}
	r->leaving = true;
	(void)shutdown(r->channel, SHUT_WR);
	if (r->waiting == 0) {
		r->until = now + GOES;
	}
}

static void
close_channel(struct resident *r)
{
	if (r->channel != -1) {
		close(r->channel);
		r->channel = -1;
	}
}

/* ---- jobs ---- */

static bool
send_job(const struct server *s, const struct resident *r,
    const struct slot *slot, size_t size)
{
	struct resident_job job;
	struct iovec iov[2] = {
		{ .iov_base = &job, .iov_len = sizeof(job) },
		{ .iov_base = (void *)(uintptr_t)s->buffer, .iov_len = size },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	memset(&job, 0, sizeof(job));
	job.ticket = slot->ticket;
	job.head = (uint32_t)slot->size;
	job.text = (uint32_t)(size - slot->size);
	job.peer = slot->peer;
	return socket_send(r->channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT) != -1;
}

bool
residents_take(struct server *s, struct slot *slot, size_t size)
{
	int64_t now = deadline_coarse();
	struct resident *r;

	if (!may_be_taken(s, slot) || slot->size > RESIDENT_HEAD ||
	    size - slot->size > RESIDENT_TEXT ||
	    (r = find(s, &slot->request)) == NULL) {
		return false;
	}
	if (r->changes != s->changes || r->jobs == 0 ||
	    now - r->since > stay_rules[r->kind].life) {
		/* Two at once would be in each other's way at a mailbox. */
		if (r->waiting == 0 || stay_rules[r->kind].from_first) {
			let_go(r, now);
		}
		return false;
	}
	slot->ticket = s->tickets++;
	if (r->waiting >= stay_rules[r->kind].at_once ||
	    !send_job(s, r, slot, size)) {
		return false;
	}
	if (r->waiting++ == 0) {
		r->busy = now;
		r->until = now + request_rules[r->kind].limit;
	}
	r->jobs--;
	slot->resident = r;
	(void)is_recent(s, r->key, now);
	return true;
}

/* ---- starting ---- */

static struct resident *
new_place(struct server *s)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		if (s->residents[i].pid == 0) {
			return &s->residents[i];
		}
	}
	return NULL;
}

struct resident *
residents_offer(struct server *s, struct slot *slot, struct task *task)
{
	const struct stay_rule *rule = &stay_rules[slot->request.kind];
	int64_t now = deadline_coarse();
	uint64_t key = slot->request.key;
	struct resident *r;
	int pair[2];

	task->jobs = 1;
	if (!may_be_taken(s, slot) ||
	    (!rule->from_first && !is_recent(s, key, now)) ||
	    find(s, &slot->request) != NULL || (r = new_place(s)) == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return NULL;
	}
	slot->ticket = s->tickets++;
	*r = (struct resident){ .kind = slot->request.kind,
		.key = key,
		.channel = pair[0],
		.since = now,
		.jobs = rule->jobs - 1,
		.changes = s->changes,
		.waiting = 1 };
	task->jobs = rule->jobs;
	task->key = key;
	task->secret = s->resident_secret;
	task->ticket = slot->ticket;
	task->stay = pair[1];
	return r;
}

bool
residents_begun(
    struct resident *r, struct slot *slot, struct task *task, pid_t pid)
{
	if (r == NULL) {
		return false;
	}
	close(task->stay);
	if (pid == -1) {
		close(r->channel);
		return false;
	}
	r->pid = pid;
	if (!stay_rules[r->kind].from_first) {
		return false;
	}
	r->stays = true;
	r->busy = deadline_coarse();
	r->until = r->busy + request_rules[r->kind].limit;
	slot->resident = r;
	return true;
}

/* ---- answers ---- */

static void
kill_all(struct resident *r, const char *why)
{
	log_error("the resident worker %d %s, and is killed", (int)r->pid, why);
	r->killed = true;
	let_go(r, deadline_coarse());
	r->until = deadline_coarse() + LEFT_DEATH;
	if (!r->ended) {
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
	}
}

/* Whose job that was, or NULL. */
static struct slot *
asker_of(const struct server *s, const struct resident *r, uint64_t ticket)
{
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->ticket == ticket &&
		    (slot->resident == r || slot->worker == r->pid)) {
			return slot;
		}
	}
	return NULL;
}

/* What became of a slot's job; again: another worker has to do it. */
static void
note(struct slot *slot, enum status status, bool again)
{
	slot->resident = NULL;
	slot->answered = true;
	slot->result = status;
	slot->again = again;
}

/* What comes from a resident. */
struct resident_words {
	struct resident_result head;
	char data[CHANNEL_DATA];
};

/* True if it is an answer to a job of that kind, with so many octets. */
static bool
makes_sense(const struct resident_words *a, ssize_t n, enum request_kind kind)
{
	size_t most = request_rules[kind].answer;
	size_t data = (size_t)n - sizeof(a->head);

	return n >= (ssize_t)sizeof(a->head) &&
	       (a->head.status == STATUS_OK || a->head.status == STATUS_LATER ||
		   a->head.status == STATUS_TEMPORARY) &&
	       (data == 0 || (a->head.status == STATUS_OK && data <= most));
}

/* Takes one answer.  false: there is none. */
static bool
take(struct server *s, struct resident *r)
{
	struct resident_words a;
	ssize_t n = recv(r->channel, &a, sizeof(a), MSG_DONTWAIT | MSG_TRUNC);
	int64_t now = deadline_coarse();

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		return false;
	}
	if (n <= 0) {
		let_go(r, now); /* it has ended, or will */
		close_channel(r);
		return false;
	}
	struct slot *slot =
	    makes_sense(&a, n, r->kind) ? asker_of(s, r, a.head.ticket) : NULL;
	if (slot == NULL || r->waiting == 0) {
		kill_all(r, "answers what nobody has asked");
		return false;
	}
	if (slot->worker == r->pid) {
		slot->worker = 0; /* it is nobody's worker any more */
		r->stays = true;
	}
	if (n > (ssize_t)sizeof(a.head) && slot->channel != -1) {
		channel_answer_data(slot->channel, slot->request.serial,
		    (enum status)a.head.status, a.data,
		    (size_t)n - sizeof(a.head));
	}
	note(slot, (enum status)a.head.status, a.head.other != 0);
	r->busy = now;
	r->until = --r->waiting > 0 ? now + request_rules[r->kind].limit
	           : r->leaving     ? now + GOES
	                            : now + stay_rules[r->kind].idle;
	if (r->jobs == 0 && r->waiting == 0) {
		let_go(r, now);
	}
	return true;
}

void
residents_fill(const struct server *s, struct pollfd *fds)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		const struct resident *r = &s->residents[i];
		fds[i] = (struct pollfd){ .fd = r->pid != 0 ? r->channel : -1,
			.events = POLLIN };
	}
}

void
residents_serve(struct server *s, const struct pollfd *fds)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		struct resident *r = &s->residents[i];
		if (fds[i].revents == 0 || r->pid == 0 ||
		    r->channel != fds[i].fd) {
			continue;
		}
		for (int n = 0; n < ANSWERS && r->channel != -1 && take(s, r);
		     n++) {
			continue;
		}
	}
}

/* ---- the end ---- */

/*
 * When its time is over; those whose mail waits are strangers.  Of one that has
 * ended others see to what it has left.
 */
static int64_t
until(const struct server *s, const struct resident *r)
{
	return r->until == 0 || r->ended ? INT64_MAX
	       : r->waiting > 0 && !r->killed
	           ? place_patience(s, r->busy, r->until)
	           : r->until;
}

/* Nobody is left who could still append what was not answered. */
static void
settle(struct server *s, struct resident *r)
{
	bool orderly = !r->killed && WIFEXITED(r->status) &&
	               WEXITSTATUS(r->status) == EX_OK;

	if (!orderly && !r->killed && r->stays) {
		log_error("a resident worker ended by %s %d",
		    WIFSIGNALED(r->status) ? "signal" : "status",
		    WIFSIGNALED(r->status) ? WTERMSIG(r->status)
					   : WEXITSTATUS(r->status));
	}
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->resident == r) {
			/* One that ends so has answered all it took. */
			note(slot, STATUS_TEMPORARY, orderly);
		}
	}
	*r = (struct resident){ .channel = -1 };
}

void
residents_keep(struct server *s)
{
	int64_t now = deadline_coarse();

	for (size_t i = 0; i < RESIDENTS; i++) {
		struct resident *r = &s->residents[i];
		if (r->pid == 0 || now < until(s, r)) {
			continue;
		}
		if (!r->leaving && r->waiting == 0) {
			let_go(r, now);
		} else if (!r->killed) {
			char why[96];
			snprintf(why, sizeof(why), "is too late (see %s)",
			    request_rules[r->kind].look);
			kill_all(r, why);
		} else if (left_add(s, r->pid)) {
			settle(s, r);
		} else {
			r->until = 0;
		}
	}
}

int64_t
residents_left(const struct server *s)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < RESIDENTS; i++) {
		const struct resident *r = &s->residents[i];
		int64_t over = r->pid != 0 ? until(s, r) : INT64_MAX;
		next = over < next ? over : next;
	}
	return next == INT64_MAX ? next : next - deadline_coarse();
}

bool
residents_ended(struct server *s, pid_t pid, int status)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		struct resident *r = &s->residents[i];
		if (r->pid == pid) {
			/* What it has said before its end counts. */
			r->ended = true;
			r->status = status;
			while (r->channel != -1 && take(s, r)) {
				continue;
			}
			close_channel(r);
			return r->stays;
		}
	}
	return false;
}

void
residents_settle(struct server *s)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		struct resident *r = &s->residents[i];
		if (r->pid != 0 && r->ended && kill(-r->pid, 0) == -1 &&
		    errno == ESRCH) {
			settle(s, r);
		}
	}
}

bool
residents_none(const struct server *s)
{
	for (size_t i = 0; i < RESIDENTS; i++) {
		if (s->residents[i].pid != 0) {
			return false;
		}
	}
	return true;
}

void
residents_close(struct server *s)
{
	int64_t now = deadline_coarse();

	for (size_t i = 0; i < RESIDENTS; i++) {
		if (s->residents[i].pid != 0) {
			let_go(&s->residents[i], now);
		}
	}
}
