/* SPDX-License-Identifier: ISC */
/*
 * Children of the server.  A forked child closes every descriptor but its own
 * before it does anything else.  A session's child runs as root up to
 * sandbox_session(), and reads nothing from the network before that.
 */
#include "common/server/child.h"

#include "common/io/deadline.h"
#include "common/io/giveup.h"
#include "common/io/stream.h"
#include "common/keeper/keeper.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/server/tables.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { LINGER = 2000 }; /* ms */

/*
 * Ends the connection, which the server holds open too, for a little longer.
 * What the client still sends is read away for a while: closing over unread
 * input would make a reset of it, and the client lose our last words.
 */
static void
hang_up(int rfd, int wfd)
{
	int64_t deadline = deadline_now() + LINGER;
	char waste[4096];
	ssize_t n;

	shutdown(wfd, SHUT_WR);
	do {
		n = recv(rfd, waste, sizeof(waste), MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN) {
			n = deadline_wait(rfd, POLLIN, deadline, true) == 0;
		}
	} while (n > 0 && deadline_now() < deadline);
}

int
child_limit_body(const struct config *config)
{
	uint64_t most = config_body_limit(config);
	struct stat log;

	if (fstat(log_fd(), &log) == 0 && S_ISREG(log.st_mode) &&
	    (uint64_t)log.st_size > most / 2) {
		return 0;
	}
	return sandbox_file_size(most);
}

void
child_catch_signals(void)
{
	process_default_signals();
	deadline_catch_shutdown();
	giveup_catch();
}

void
child_run_session(const struct service *service, struct connection *c)
{
	process_lead_group();
	child_catch_signals();
	int keep[] = { c->rfd, c->wfd, c->channel, c->body, c->mailbox,
		log_fd() };
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	if (sandbox_memory(SANDBOX_MEMORY) == -1 ||
	    (c->body != -1 && child_limit_body(c->config) == -1) ||
	    privilege_confine(c->confinement) == -1) {
		_exit(EX_OSERR);
	}
	child_enter_session(service, c, sandbox_session);
}

void
child_enter_session(
    const struct service *service, struct connection *c, int (*sandbox)(void))
{
	int on = 1;

	log_pid(c->first);
	setsockopt(c->wfd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (sandbox() == -1) {
		log_error("cannot enter the sandbox: %s", strerror(errno));
		_exit(EX_OSERR);
	}
	enum session_end end = c->welcome.proxied != 0 && !service->proxied(c)
	                           ? SESSION_CUT
	                           : service->session(c);
	if (end != SESSION_HANDED_ON) {
		hang_up(c->rfd, c->wfd);
	}
	_exit(end == SESSION_CUT ? EX_TEMPFAIL : EX_OK);
}

pid_t
child_session(
    const struct server *s, const struct keeper *k, struct connection *c)
{
	char error[CONFIG_ERROR];
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	request_forget_others(s, NULL);
	if (c->start != START_PLAIN &&
	    (c->tls = tls_server_make(s->config, k->chain, k->chains, error)) ==
		NULL) {
		log_error("no TLS: %s", error);
		_exit(EX_CONFIG);
	}
	child_run_session(s->service, c);
}

/* What each child begins with that is no session; keep: its descriptors. */
static void
begin_child(const struct server *s, const struct slot *own, int *keep, size_t n)
{
	request_forget_others(s, own);
	process_default_signals();
	process_lead_group(); /* the server finds by it whom a worker forks */
	process_close_others(keep, n);
}

pid_t
child_keeper(const struct server *s, bool check, int channel)
{
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	int keep[] = { channel, log_fd() };
	begin_child(s, NULL, keep, sizeof(keep) / sizeof(keep[0]));
	keeper_run(s->config, &s->confinement, check, channel);
}

pid_t
child_errand(const struct server *s)
{
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	int keep[] = { log_fd() };
	begin_child(s, NULL, keep, 1);
	s->service->errand.run(s->config);
	_exit(EX_OK);
}

pid_t
child_maker(const struct server *s)
{
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	int keep[] = { log_fd() };
	begin_child(s, NULL, keep, 1);
	_exit(tables_make(s));
}

pid_t
child_worker(const struct server *s, const struct slot *slot,
    enum request_kind kind, const struct task *task)
{
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	int keep[] = { task->fd, task->out, slot->channel,
		task->jobs > 1 ? task->stay : -1, log_fd() };
	begin_child(s, slot, keep, sizeof(keep) / sizeof(keep[0]));
	signal(SIGTERM, SIG_IGN); /* what was begun is finished */
	struct reply reply = { .size = 0 };
	struct task own = *task;
	own.reply = &reply;
	enum status status = s->service->jobs[kind].run(&own);
	if (request_rules[kind].answered == ANSWERED_BY_WORKER &&
	    status != STATUS_LATER) {
		channel_answer_data(slot->channel, slot->request.serial, status,
		    reply.data, status == STATUS_OK ? reply.size : 0);
	}
	_exit((int)status);
}
