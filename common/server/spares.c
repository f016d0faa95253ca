/* SPDX-License-Identifier: ISC */
/*
 * Giving up root, its capabilities and most system calls costs a session as
 * much as the fork does; here one process pays for all.  It runs as root (if
 * the server does) until privilege_confine().  Nobody counts the sessions that
 * wait: those that are ready lie in the channel of that process, each with an
 * end of its own, and end when that is closed.
 */
#include "common/server/spares.h"

#include "common/io/deadline.h"
#include "common/io/socket.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/server/child.h"
#include "common/server/order.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	BUSY = 1000,         /* ms between sessions, at most */
	IDLE = 5 * 1000,     /* ms without any */
	PATIENCE = 2 * 1000, /* ms for what takes less than one */
	LATE = -2,
	PAUSE = 1000, /* ms before another one, after one that failed */
};

/* What the process is asked for: so many sessions. */
struct demand {
	uint32_t count;
};

/* One of them, with the server's end of its channel. */
struct ready {
	int32_t pid, error;
};

/* ---- in the process ---- */

/* A session that waits for its client, which has one end of a pair. */
static _Noreturn void
wait_for_client(const struct server *s, int channel, bool terminal)
{
	int keep[] = { channel, log_fd() };
	int fds[ORDER_DESCRIPTORS];
	size_t n = ORDER_DESCRIPTORS;
	struct connection c;
	struct order o;

	process_lead_group_by(terminal);
	child_catch_signals();
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	if (s->service->body && child_limit_body(s->config) == -1) {
		_exit(EX_OSERR);
	}
	if (socket_receive_with(channel, &o, sizeof(o), fds, &n, 0) !=
		(ssize_t)sizeof(o) ||
	    !order_read(&o, fds, n, &c)) {
		_exit(EX_OK); /* the server needs no more */
	}
	process_set_name(s->service->name);
	c.config = s->config;
	c.confinement = &s->confinement;
	c.resident_secret = s->resident_secret;
	c.names = s->names;
	c.aliases = s->aliases;
	c.access = s->access;
	c.refusals = &s->service->refusals;
	c.channel = channel;
	child_enter_session(s->service, &c, sandbox_started_session);
}

/* Forks one and tells the server; ends when that listens no more. */
static void
fork_one(const struct server *s, int channel, bool terminal)
{
	struct ready ready = { .pid = -1 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		_exit(EX_OSERR);
	}
	channel_make_room(pair[1]);
	pid_t pid = process_fork_sibling();
	ready.error = errno;
	if (pid == 0) {
		wait_for_client(s, pair[1], terminal);
	}
	ready.pid = (int32_t)pid;
	close(pair[1]);
	if (socket_send_with(
		channel, &ready, sizeof(ready), pair, 1, MSG_NOSIGNAL) == -1) {
		_exit(EX_OK);
	}
	close(pair[0]);
}

static _Noreturn void
run(const struct server *s, int channel)
{
	int keep[] = { channel, log_fd() };
	struct demand d;

	process_set_name("session-starter");
	request_forget_others(s, NULL);
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	/*
	 * It stays in the server's process group: what it forks is in its own
	 * for a moment, and must not go with it.
	 */
	bool terminal = process_has_terminal();
	process_default_signals();
	signal(SIGTERM, SIG_IGN);
	if (sandbox_memory(SANDBOX_MEMORY) == -1 ||
	    privilege_confine(&s->confinement) == -1) {
		_exit(EX_OSERR);
	}
	if (sandbox_starter() == -1) {
		log_error("cannot enter the sandbox: %s", strerror(errno));
		_exit(EX_OSERR);
	}
	while (recv(channel, &d, sizeof(d), 0) == (ssize_t)sizeof(d)) {
		for (; d.count > 0; d.count--) {
			fork_one(s, channel, terminal);
		}
	}
	_exit(EX_OK);
}

/* ---- in the server ---- */

static void
let_go(struct spares *sp)
{
	if (sp->starter != 0) {
		close(sp->channel);
		kill(sp->starter, SIGKILL); /* it has nothing to finish */
		sp->starter = 0;
	}
}

/* Has so many forked as are lacking, some at a time. */
static void
demand(struct spares *sp)
{
	struct demand d = { .count = (uint32_t)(SPARES - sp->ordered) };

	if (sp->ordered <= SPARES / 2 &&
	    send(sp->channel, &d, sizeof(d), MSG_NOSIGNAL | MSG_DONTWAIT) ==
		(ssize_t)sizeof(d)) {
		sp->ordered = SPARES;
		sp->asked = deadline_coarse();
	}
}

/* Forks the process; if that fails all goes on without. */
static void
begin(struct server *s)
{
	struct spares *sp = &s->spares;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		run(s, pair[1]);
	}
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return;
	}
	sp->starter = pid;
	sp->channel = pair[0];
	sp->changes = s->changes;
	sp->ordered = 0;
	demand(sp);
}

static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 0 && waitid(P_PID, (id_t)pid, &info,
			      WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * The next session that waits, with its channel; 0: it could not be forked; -1:
 * the process does not do what it should; LATE: it has not yet.  The server
 * waits for nobody: then it forks the session itself.
 */
static pid_t
next(struct spares *sp, int *channel)
{
	struct ready ready;
	size_t n = 1;
	ssize_t size = socket_receive_with(
	    sp->channel, &ready, sizeof(ready), channel, &n, MSG_DONTWAIT);

	if (size == -1 && errno == EAGAIN) {
		return deadline_coarse() - sp->asked < PATIENCE ? LATE : -1;
	}
	sp->ordered--;
	if (size == (ssize_t)sizeof(ready) && n == 1 &&
	    (ready.pid == -1 || is_child((pid_t)ready.pid))) {
		if (ready.pid == -1) {
			close(*channel);
			return 0;
		}
		return (pid_t)ready.pid;
	}
	if (size > 0 && n == 1) {
		close(*channel);
	}
	return size > 0 && n == 1 ? 0 : -1; /* that one has ended */
}

static bool
give(int channel, const struct connection *c)
{
	int fds[ORDER_DESCRIPTORS];
	struct order o;
	size_t n;

	order_make(&o, c, fds, &n);
	return socket_send_with(channel, &o, sizeof(o), fds, n,
		   MSG_NOSIGNAL | MSG_DONTWAIT) == 0;
}

/* Gives the connection to one that waits: its process id, or 0. */
static pid_t
hand_over(struct server *s, const struct connection *c, int *channel)
{
	struct spares *sp = &s->spares;

	while (sp->ordered > 0) {
		pid_t pid = next(sp, channel);
		if (pid > 0 && give(*channel, c)) {
			return pid;
		}
		if (pid == LATE) {
			return 0;
		}
		if (pid > 0) {
			close(*channel); /* it ends, if it has not */
		} else if (pid == -1) {
			log_error("the process that forks sessions (%d) does "
				  "not do so: it is killed, and another one "
				  "starts",
			    (int)sp->starter);
			sp->again = deadline_coarse() + PAUSE;
			let_go(sp);
			return 0;
		}
	}
	return 0;
}

pid_t
spares_take(struct server *s, const struct connection *c, int *channel)
{
	struct spares *sp = &s->spares;
	int64_t now = deadline_coarse();
	bool busy = now - sp->began < BUSY && s->nlisteners > 0;
	pid_t pid = 0;

	sp->began = now;
	if (sp->starter != 0 && sp->changes != s->changes) {
		let_go(sp);
	}
	if (sp->starter != 0) {
		pid = hand_over(s, c, channel);
		if (sp->starter != 0) {
			demand(sp);
		}
	} else if (busy && now >= sp->again) {
		begin(s);
	}
	return pid;
}

void
spares_keep(struct server *s)
{
	if (spares_left(s) <= 0) {
		let_go(&s->spares);
	}
}

int64_t
spares_left(const struct server *s)
{
	const struct spares *sp = &s->spares;

	return sp->starter == 0 ? INT64_MAX
	                        : sp->began + IDLE - deadline_coarse();
}

bool
spares_ended(struct server *s, pid_t pid, int status)
{
	struct spares *sp = &s->spares;

	if (sp->starter == 0 || pid != sp->starter) {
		return false;
	}
	log_error("the process that forks sessions (%d) has ended by %s %d: "
		  "another one starts",
	    (int)pid, WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	close(sp->channel);
	sp->starter = 0;
	sp->again = deadline_coarse() + PAUSE;
	return true;
}

void
spares_close(struct server *s)
{
	let_go(&s->spares);
}
