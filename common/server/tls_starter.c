/* SPDX-License-Identifier: ISC */
/*
 * Runs as root (if the server does): sessions give that up themselves, as those
 * that the server forks.
 */
#include "common/server/tls_starter.h"

#include "common/io/deadline.h"
#include "common/io/socket.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/server/child.h"
#include "common/server/order.h"
#include "common/server/tables.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { PATIENCE = 2 * 1000 }; /* ms for what takes less than one */

struct report {
	char error[CONFIG_ERROR]; /* "": it is ready */
};

/* A session to start. */
struct request_to_start {
	uint32_t serial;
	struct order order;
};

struct started {
	uint32_t serial; /* of the order */
	int32_t pid, error;
};

/* ---- in the process ---- */

static void
answer(int channel, const void *data, size_t size)
{
	if (send(channel, data, size, MSG_NOSIGNAL) == -1) {
		_exit(EX_OK); /* the server has let it go */
	}
}

/* A session of which the server does not know, for what reason ever, ends. */
static void
await_server(int channel)
{
	char go;

	if (recv(channel, &go, sizeof(go), 0) != (ssize_t)sizeof(go)) {
		_exit(EX_OK);
	}
}

static _Noreturn void
serve(struct server *s, const struct tls_server *tls, int channel)
{
	struct request_to_start o;
	int fds[ORDER_DESCRIPTORS];
	size_t n = ORDER_DESCRIPTORS;

	while (socket_receive_with(channel, &o, sizeof(o), fds, &n, 0) ==
	       (ssize_t)sizeof(o)) {
		struct started done = {
			.serial = o.serial, .pid = -1, .error = EINVAL
		};
		struct connection c;
		bool whole = order_read(&o.order, fds, n, &c);
		c.config = s->config;
		c.confinement = &s->confinement;
		c.resident_secret = s->resident_secret;
		c.tls = tls;
		c.refusals = &s->service->refusals;
		tables_reread(s);
		c.names = s->names;
		c.aliases = s->aliases;
		c.access = s->access;
		if (whole && c.channel != -1) {
			done.pid = process_fork_sibling();
			done.error = errno;
		}
		if (done.pid == 0) {
			await_server(c.channel);
			tls_forked();
			process_set_name(s->service->name);
			child_run_session(s->service, &c);
		}
		for (size_t i = 0; i < n; i++) {
			close(fds[i]);
		}
		answer(channel, &done, sizeof(done));
		n = ORDER_DESCRIPTORS;
	}
	_exit(EX_OK);
}

static _Noreturn void
run(struct server *s, const struct keeper *k, int channel)
{
	int keep[] = { channel, log_fd() };
	struct report report = { .error = "" };

	process_set_name("tls-starter");
	request_forget_others(s, NULL);
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	/*
	 * It stays in the server's process group: what it forks is in its own
	 * for a moment, and must not go with it.  Sessions may yet ask for TLS
	 * when the server has been told to stop.
	 */
	process_default_signals();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	const struct tls_server *tls =
	    tls_server_make(s->config, k->chain, k->chains, report.error);
	answer(channel, &report, sizeof(report));
	if (tls == NULL) {
		_exit(EX_CONFIG);
	}
	serve(s, tls, channel);
}

/* ---- in the server ---- */

int
tls_starter_begin(struct server *s, struct keeper *k)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		log_error(
		    "cannot start the process for TLS: %s", strerror(errno));
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		run(s, k, pair[1]);
	}
	close(pair[1]);
	if (pid == -1) {
		log_error("cannot fork: %s", strerror(errno));
		close(pair[0]);
		return -1;
	}
	k->starter = (struct tls_starter){ .pid = pid, .channel = pair[0] };
	return 0;
}

int
tls_starter_report(const struct tls_starter *st, char error[CONFIG_ERROR])
{
	struct report r;
	ssize_t n = recv(st->channel, &r, sizeof(r), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	if (n != (ssize_t)sizeof(r)) {
		snprintf(error, CONFIG_ERROR,
		    "the process that starts sessions with TLS has ended");
		return -1;
	}
	r.error[sizeof(r.error) - 1] = '\0';
	strlcpy(error, r.error, CONFIG_ERROR);
	return error[0] == '\0' ? 1 : -1;
}

static int
send_order(
    const struct tls_starter *st, const struct connection *c, uint32_t serial)
{
	struct request_to_start o;
	int fds[ORDER_DESCRIPTORS];
	size_t n;

	memset(&o, 0, sizeof(o));
	o.serial = serial;
	order_make(&o.order, c, fds, &n);
	return socket_send_with(
	    st->channel, &o, sizeof(o), fds, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 0 && waitid(P_PID, (id_t)pid, &info,
			      WEXITED | WNOHANG | WNOWAIT) == 0;
}

pid_t
tls_starter_start(
    struct tls_starter *st, const struct connection *c, int channel)
{
	static uint32_t serial;
	struct started done;

	if (send_order(st, c, ++serial) == -1 ||
	    deadline_wait(
		st->channel, POLLIN, deadline_now() + PATIENCE, false) == -1 ||
	    recv(st->channel, &done, sizeof(done), MSG_DONTWAIT) !=
		(ssize_t)sizeof(done) ||
	    done.serial != serial ||
	    (done.pid != -1 && !is_child((pid_t)done.pid))) {
		log_error("the process that starts sessions with TLS (%d) does "
			  "not do so: it is killed, and another one starts",
		    (int)st->pid);
		kill(st->pid, SIGKILL);
		tls_starter_release(st);
		errno = ECHILD;
		return -1;
	}
	if (done.pid != -1) {
		(void)send(channel, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	errno = done.error;
	return (pid_t)done.pid;
}

void
tls_starter_release(struct tls_starter *st)
{
	if (st->channel != -1) {
		close(st->channel);
		st->channel = -1;
	}
}
