/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "smtpd/send/reserve.h"

#include "common/log/log.h"
#include "common/process/landlock.h"
#include "common/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the server ---- */

/*
 * Gives up our standard descriptors in the server that stays when we end: it
 * may work on the queue for a while, and a caller may wait until nobody holds
 * its pipes.
 */
static void
detach_stdio(const struct config *config)
{
	bool to_stderr = log_start(config, "smtpd", isatty(STDERR_FILENO) == 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (!to_stderr) {
			(void)dup2(null, STDERR_FILENO);
		}
	}
}

static _Noreturn void
serve(const struct reserve *r, int channel)
{
	char go;

	if (recv(channel, &go, sizeof(go), 0) != (ssize_t)sizeof(go)) {
		_exit(EX_OK); /* it is not needed */
	}
	detach_stdio(r->config);
	_exit(server_run_local(r->service, r->config, channel));
}

static void
start(struct reserve *r)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		r->error = errno;
		return;
	}
	r->pid = fork();
	if (r->pid == 0) {
		close(pair[0]);
		serve(r, pair[1]);
	}
	r->error = errno;
	close(pair[1]);
	if (r->pid == -1) {
		r->pid = 0;
		close(pair[0]);
	} else {
		r->channel = pair[0];
	}
}

/* ---- the command ---- */

void
reserve_begin(struct reserve *r, const struct service *service,
    const struct config *config)
{
	*r = (struct reserve){
		.service = service, .config = config, .channel = -1
	};
	if (landlock_abi() == 0) {
		return; /* it is started when it is needed */
	}
	if (access(config->queue, W_OK) == 0) {
		start(r);
	}
	/* Where that fails, the mail goes nevertheless: the process has the
	   rights of who has typed the command, and no others. */
	r->confined = sandbox_task(SANDBOX_ASKER, NULL) == 0;
}

int
reserve_call(struct reserve *r, int why)
{
	const struct config *config = r->config;

	if (access(config->queue, W_OK) == -1) {
		log_error("no server listens at %s (%s), and %s is not "
			  "writable (%s): start restante-local.socket, "
			  "or smtpd -l unix:%s",
		    config->socket, strerror(why), config->queue,
		    strerror(errno), config->socket);
		return -1;
	}
	if (r->pid == 0 && !r->confined) {
		start(r);
	}
	if (r->pid == 0 || send(r->channel, "", 1, MSG_NOSIGNAL) != 1) {
		log_error("cannot start a process: %s",
		    strerror(r->pid == 0 ? r->error : errno));
		return -1;
	}
	int channel = r->channel;
	r->channel = -1;
	r->pid = 0; /* it goes on when we end */
	return channel;
}

void
reserve_end(struct reserve *r)
{
	if (r->channel != -1) {
		close(r->channel);
		r->channel = -1;
	}
	while (
	    r->pid != 0 && waitpid(r->pid, NULL, 0) == -1 && errno == EINTR) {
	}
	r->pid = 0;
}
