/* SPDX-License-Identifier: ISC */
/* Deadlines of children, which the server keeps. */
#include "common/server/patience.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/server/left.h"
#include "common/server/listen.h"
#include "common/server/place.h"

#include <signal.h>

enum {
	SLACK = 5 * 60 * 1000,    /* ms after a session's own limits */
	SILENCE = 15 * 60 * 1000, /* of a client; the mailbox process's own
	                             limit is shorter */
	LOOK_EVERY = 60 * 1000,   /* at such a silence */
};

void
patience_start(
    const struct server *s, struct slot *slot, enum request_kind kind)
{
	int64_t now = deadline_coarse();
	int limit = request_rules[kind].limit;

	slot->worker_since = now;
	slot->worker_until =
	    now + (limit != 0 ? limit : s->service->life + SLACK);
	slot->look_at = now + LOOK_EVERY;
	slot->condemned = false;
}

/*
 * When the slot's session is late.  It is timed from when its process was first
 * seen here: after STARTTLS that is another one, with times of its own.
 */
static int64_t
session_until(const struct server *s, struct slot *slot, int64_t now)
{
	if (slot->session == 0 || slot->session == slot->doomed) {
		return INT64_MAX;
	}
	if (slot->timed != slot->session) {
		slot->timed = slot->session;
		slot->timed_since = now;
	}
	int life = slot->user[0] == '\0' ? s->service->life_before_login
	                                 : s->service->life;
	return slot->timed_since + life + SLACK;
}

static int64_t
worker_until(const struct server *s, const struct slot *slot)
{
	if (slot->worker == 0) {
		return INT64_MAX;
	}
	if (slot->condemned || slot->worker_ended) {
		return slot->leave_at;
	}
	return slot->user[0] != '\0'
	           ? slot->worker_until
	           : place_patience(s, slot->worker_since, slot->worker_until);
}

int64_t
patience_left(struct server *s)
{
	int64_t next = INT64_MAX, now = deadline_coarse();

	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->used) {
			continue;
		}
		int64_t session = session_until(s, slot, now);
		int64_t worker = worker_until(s, slot);
		next = session < next ? session : next;
		next = worker < next ? worker : next;
		if (slot->in_mailbox && !slot->condemned &&
		    slot->look_at < next) {
			next = slot->look_at;
		}
	}
	s->late_at = next;
	return next == INT64_MAX ? INT64_MAX : next - now;
}

/* A worker goes with all whom it has forked. */
static void
kill_worker(struct slot *slot)
{
	slot->condemned = true;
	slot->leave_at = deadline_coarse() + LEFT_DEATH;
	kill(-slot->worker, SIGKILL);
	kill(slot->worker, SIGKILL);
}

/*
 * True if nothing has come from the client of a mailbox process, or gone to it,
 * for longer than that process itself would wait.  The kernel says so, and not
 * the process, which may be its user's by now.
 */
static bool
is_silent(struct slot *slot, int64_t now)
{
	if (!slot->in_mailbox || now < slot->look_at) {
		return false;
	}
	slot->look_at = now + LOOK_EVERY;
	return listen_silence(slot->rfd) >= SILENCE;
}

static void
keep_worker(const struct server *s, struct slot *slot, int64_t now)
{
	const struct request_rule *rule =
	    &request_rules[slot->in_mailbox ? REQUEST_MAILBOX
					    : slot->request.kind];
	bool late = now >= worker_until(s, slot);

	if (slot->worker != 0 && (slot->condemned || slot->worker_ended)) {
		/* That of a mailbox keeps its user's place. */
		slot->leaves = late && !slot->in_mailbox;
		slot->leave_at = late ? INT64_MAX : slot->leave_at;
		return;
	}
	if (slot->worker == 0 || (!late && !is_silent(slot, now))) {
		return;
	}
	log_error("the worker %d for %s is too late, and is killed: see %s",
	    (int)slot->worker, rule->name, rule->look);
	kill_worker(slot);
}

void
patience_keep(struct server *s)
{
	int64_t now = deadline_coarse();

	for (size_t i = 0; now >= s->late_at && i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->used) {
			continue;
		}
		keep_worker(s, slot, now);
		if (now >= session_until(s, slot, now)) {
			log_error("session %d has outlived all its limits, and "
				  "is killed",
			    (int)slot->session);
			slot->doomed = slot->session;
			kill(slot->session, SIGKILL);
		}
	}
}

void
patience_stopped(struct server *s, pid_t pid)
{
	log_error("process %d was stopped, and is killed: its user, or root, "
		  "has sent it a signal",
	    (int)pid);
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->worker == pid) {
			kill_worker(slot);
			return;
		}
		if (slot->used && slot->session == pid) {
			slot->doomed = pid;
		}
	}
	kill(pid, SIGKILL);
}
