/* SPDX-License-Identifier: ISC */
/* Runs as root if the queue belongs to root. */
#include "smtpd/queue/starter.h"

#include "common/io/socket.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/tls/tls.h"
#include "smtpd/route/hop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { DESCRIPTORS = 2 }; /* the agent's channel, and its slot */

struct start {
	uint32_t kind; /* enum starter_kind */
	struct hop hop;
};

struct started {
	int32_t pid; /* or -1, */
	int32_t error;
};

/* ---- in the process ---- */

static void
ignore_signal(int number)
{
	(void)number;
}

/* Receives a start and its descriptors.  false: there are no more. */
static bool
receive(int channel, struct start *s, int fds[DESCRIPTORS])
{
	size_t n = DESCRIPTORS;

	fds[0] = fds[1] = -1;
	return socket_receive_with(channel, s, sizeof(*s), fds, &n, 0) ==
	           (ssize_t)sizeof(*s) &&
	       n >= 1;
}

/* Whatever has become of the runner, these are strings and a kind. */
static bool
is_sound(const struct hop *h)
{
	return memchr(h->host, '\0', sizeof(h->host)) != NULL &&
	       memchr(h->user, '\0', sizeof(h->user)) != NULL &&
	       memchr(h->password, '\0', sizeof(h->password)) != NULL &&
	       h->transport <= TRANSPORT_LAST && h->tls <= HOP_TLS_LAST &&
	       h->port <= UINT16_MAX;
}

/* Forks what is asked for; as fork(2). */
static pid_t
start(const struct config *config, const struct start *s,
    starter_prepare *prepare)
{
	if (s->kind == START_RELAY) {
		prepare(config, &s->hop);
	}
	pid_t pid = process_fork_sibling();
	if (pid == 0) {
		tls_forked();
	}
	return pid;
}

static _Noreturn void
serve(const struct config *config, starter_agent *run, starter_prepare *prepare,
    int channel)
{
	struct sigaction quiet = { .sa_handler = ignore_signal,
		.sa_flags = SA_RESTART };
	static struct start s;
	int keep[] = { channel, log_fd() }, fds[DESCRIPTORS];

	process_set_name("starter");
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	/* It ends with the runner, which is told to stop and takes its time. */
	sigaction(SIGTERM, &quiet, NULL);
	sigaction(SIGINT, &quiet, NULL);
	sigaction(SIGHUP, &quiet, NULL);
	while (receive(channel, &s, fds)) {
		struct started answer = { .pid = -1, .error = EINVAL };
		if (s.kind == START_LOCAL || s.kind == START_SIGNER ||
		    (s.kind == START_RELAY && is_sound(&s.hop))) {
			answer.pid = start(config, &s, prepare);
			answer.error = errno;
		}
		if (answer.pid == 0) {
			process_set_name("smtpd");
			run(config, (enum starter_kind)s.kind,
			    s.kind == START_RELAY ? &s.hop : NULL, fds[0],
			    fds[1]);
			_exit(EX_SOFTWARE);
		}
		explicit_bzero(&s, sizeof(s)); /* a password may be in it */
		close(fds[0]);
		if (fds[1] != -1) {
			close(fds[1]);
		}
		if (send(channel, &answer, sizeof(answer), MSG_NOSIGNAL) ==
		    -1) {
			break;
		}
	}
	_exit(EX_OK);
}

/* ---- in the runner ---- */

int
starter_begin(struct starter *s, const struct config *config,
    starter_agent *run, starter_prepare *prepare)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		return -1;
	}
	s->pid = fork();
	if (s->pid == 0) {
		serve(config, run, prepare, pair[1]);
	}
	int saved = errno;
	close(pair[1]);
	s->channel = pair[0];
	if (s->pid == -1) {
		close(pair[0]);
		s->pid = 0;
		errno = saved;
		return -1;
	}
	return 0;
}

static int
send_start(const struct starter *s, enum starter_kind kind,
    const struct hop *hop, int channel, int slot)
{
	static struct start start;
	int fds[DESCRIPTORS] = { channel, slot };

	memset(&start, 0, sizeof(start));
	start.kind = kind;
	if (hop != NULL) {
		start.hop = *hop;
	}
	int result = socket_send_with(s->channel, &start, sizeof(start), fds,
	    slot == -1 ? 1 : DESCRIPTORS, MSG_NOSIGNAL);
	explicit_bzero(&start, sizeof(start)); /* a password may be in it */
	return result;
}

pid_t
starter_start(const struct starter *s, enum starter_kind kind,
    const struct hop *hop, int channel, int slot)
{
	struct started answer;
	struct iovec iov = { .iov_base = &answer, .iov_len = sizeof(answer) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (send_start(s, kind, hop, channel, slot) == -1) {
		return -1;
	}
	ssize_t n = socket_receive(s->channel, &m, 0);
	if (n != (ssize_t)sizeof(answer)) {
		errno = n == -1 ? errno : ECHILD; /* it has ended */
		return -1;
	}
	errno = answer.error;
	return answer.pid;
}

void
starter_end(struct starter *s)
{
	int status;

	if (s->pid != 0) {
		close(s->channel);
		while (waitpid(s->pid, &status, 0) == -1 && errno == EINTR) {
			continue;
		}
		s->pid = 0;
	}
}
