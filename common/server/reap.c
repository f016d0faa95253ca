/* SPDX-License-Identifier: ISC */
/*
 * The ends of children.  What a connection has had goes to a later one, so
 * that its slot is free only when nobody is left who could hold any of it.
 * That is never taken on trust: sessions, who can fork nobody, are known by
 * their process ids, and a worker by its process group, in which all are that
 * it has forked.
 */
#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/server/keepers.h"
#include "common/server/left.h"
#include "common/server/patience.h"
#include "common/server/residents.h"
#include "common/server/slot.h"
#include "common/server/spares.h"
#include "common/server/tables.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { CHANGES = WEXITED | WSTOPPED }; /* of a child, that we are told */

#ifdef __linux__

#include <sys/prctl.h>

void
reap_prepare(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

#else

void
reap_prepare(void)
{
	/* Then we hear later of what a dead worker has left, and wait. */
}

#endif

/* Whose process that is, or NULL. */
static struct slot *
slot_of(const struct server *s, pid_t pid)
{
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used &&
		    (slot->session == pid || slot->worker == pid)) {
			return slot;
		}
	}
	return NULL;
}

static void
session_ended(struct server *s, struct slot *slot, pid_t pid, int status)
{
	slot->session = 0;
	if (slot->restarting) {
		slot->restarting = false;
		if (slot->body != -1) {
			/* What came in the clear counts for nobody. */
			(void)!ftruncate(slot->body, 0);
		}
		(void)slot_start_session(s, slot, START_STARTTLS);
	} else if (WIFSIGNALED(status) && pid != slot->doomed) {
		log_error("session %d ended by signal %d", (int)pid,
		    WTERMSIG(status));
	}
	s->session_status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
	slot_settle(s, slot);
}

/* A child has ended, and is a zombie still. */
static void
child_ended(struct server *s, pid_t pid)
{
	struct slot *slot = slot_of(s, pid);
	bool worker = slot != NULL && slot->worker == pid;
	int status = 0;

	if (worker || slot == NULL) {
		/* As long as its zombie has the number, nobody else does.  An
		   orphan may lead a group, too. */
		kill(-pid, SIGKILL);
	}
	if (waitpid(pid, &status, 0) == -1 || residents_ended(s, pid, status) ||
	    errand_ended(s, pid) || tables_maker_ended(s, pid, status) ||
	    keepers_ended(s, pid, status) || spares_ended(s, pid, status)) {
		return;
	}
	if (worker) {
		slot->worker_ended = true;
		slot->leave_at = deadline_coarse() + LEFT_DEATH;
		slot->worker_status = status;
	} else if (slot != NULL) {
		session_ended(s, slot, pid, status);
	} /* else an orphan */
}

/* A child has been stopped, which waitid(2) tells until it is taken. */
static void
child_stopped(struct server *s, pid_t pid)
{
	siginfo_t info;

	patience_stopped(s, pid);
	(void)waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG);
}

/* The slot's worker is left to itself, if that may be; else it keeps its place.
   The session may go on; the body file is not for another one. */
static void
leave_worker(struct server *s, struct slot *slot)
{
	int status = slot->worker_ended ? slot->worker_status : SIGKILL;

	slot->leaves = false;
	if (left_add(s, slot->worker)) {
		slot->left = true;
		slot->worker_ended = false;
		request_worker_ended(s, slot, status);
	}
}

void
reap_late(struct server *s)
{
	for (size_t i = 0; i < s->nslots; i++) {
		if (s->slots[i].used && s->slots[i].leaves) {
			leave_worker(s, &s->slots[i]);
		}
	}
	request_residents_answered(s);
}

void
reap(struct server *s)
{
	siginfo_t info = { .si_pid = 0 };

	while (waitid(P_ALL, 0, &info, CHANGES | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0) {
		if (info.si_code == CLD_STOPPED) {
			child_stopped(s, info.si_pid);
		} else {
			child_ended(s, info.si_pid);
		}
		info.si_pid = 0;
	}
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->worker_ended &&
		    !left_is_inhabited(slot->worker)) {
			slot->worker_ended = false;
			request_worker_ended(s, slot, slot->worker_status);
		}
	}
	left_settle(s);
	residents_settle(s);
	request_residents_answered(s);
}
