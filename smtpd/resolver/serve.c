/* SPDX-License-Identifier: ISC */
/*
 * Asks name servers for processes that have no network.  It never has rights:
 * systemd starts it as a user of its own, and it knows neither configuration
 * nor keys.  Each connection has a process, which is shut in before it reads
 * anything, so that what a name server says reaches nobody else's questions.
 */
#include "smtpd/resolver/serve.h"

#include "common/dns/resolver.h"
#include "common/io/deadline.h"
#include "common/io/socket.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	PLACES = 256,       /* connections at a time */
	TURN = 5000,        /* ms that each has, however many wait */
	LIFE = 60,          /* s that one may last */
	PROCESSOR = 10,     /* s of it */
	LEISURE = 30 * 1000 /* ms without a connection, and it ends */
};

struct place {
	pid_t pid;
	int64_t since;
};

/* The oldest comes first. */
struct places {
	size_t n;
	struct place all[PLACES];
};

/* ---- a connection ---- */

/* Answers each question of a batch.  False: nobody wants to know. */
static bool
answer(int fd, const struct dns *dns, const struct resolver_batch *b)
{
	static struct dns_lookup lookups[DNS_LOOKUP_MOST];

	for (size_t i = 0; i < b->count; i++) {
		memcpy(lookups[i].name, b->questions[i].name,
		    sizeof(lookups[i].name));
		lookups[i].type = (int)b->questions[i].type;
	}
	dns_look_up(dns, lookups, b->count, deadline_now() + b->patience);
	for (size_t i = 0; i < b->count; i++) {
		struct resolver_head head = { .serial = b->serial,
			.number = (uint32_t)i };
		struct iovec parts[] = { { &head, sizeof(head) },
			{ lookups[i].answer, lookups[i].len } };
		struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
		if (socket_send(fd, &m, MSG_NOSIGNAL) == -1) {
			return false;
		}
	}
	return true;
}

/* Receives one message, whole; its size, which may be more than there is room
   for.  0: there is none. */
static size_t
receive(int fd, void *message, size_t size)
{
	struct iovec iov = { .iov_base = message, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = socket_receive(fd, &m, MSG_TRUNC);

	return n > 0 ? (size_t)n : 0;
}

static void
converse(int fd, struct dns *dns)
{
	static struct resolver_greeting greeting;
	static struct resolver_batch batch;

	if (!resolver_greeting_valid(
		&greeting, receive(fd, &greeting, sizeof(greeting))) ||
	    (greeting.server[0] != '\0' &&
		dns_use(dns, greeting.server) == -1)) {
		return;
	}
	while (
	    resolver_batch_valid(&batch, receive(fd, &batch, sizeof(batch))) &&
	    answer(fd, dns, &batch)) {
		continue;
	}
}

/* In the process of a connection. */
static _Noreturn void
serve(int fd, pid_t parent)
{
	const struct rlimit processor = { PROCESSOR, PROCESSOR };

	process_default_signals();
	process_end_with_parent(parent);
	alarm(LIFE);
	close(SOCKET_HANDED_DOWN);
	struct dns *dns = dns_open_system();
	if (dns == NULL || setrlimit(RLIMIT_CPU, &processor) == -1 ||
	    sandbox_memory(SANDBOX_MEMORY) == -1 || sandbox_client() == -1) {
		log_error("the resolver cannot enter its sandbox: %s",
		    strerror(errno));
		_exit(EX_OSERR);
	}
	converse(fd, dns);
	_exit(EX_OK);
}

/* ---- all of them ---- */

static void
leave(struct places *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->all[i].pid == pid) {
			p->n--;
			memmove(&p->all[i], &p->all[i + 1],
			    (p->n - i) * sizeof(p->all[0]));
			return;
		}
	}
}

static void
reap(struct places *p)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		leave(p, pid);
	}
}

/* Ends the oldest connection: its name servers are silent, most probably, and
   those that wait must not be kept by them. */
static void
end_oldest(struct places *p)
{
	pid_t pid = p->all[0].pid;

	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
		continue;
	}
	leave(p, pid);
}

static void
take(struct places *p)
{
	int fd = accept4(SOCKET_HANDED_DOWN, NULL, NULL, SOCK_CLOEXEC);
	pid_t self = getpid();

	if (fd == -1) {
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		serve(fd, self);
	}
	if (pid == -1) {
		log_error("the resolver cannot fork: %s", strerror(errno));
	} else {
		p->all[p->n++] = (struct place){ pid, deadline_now() };
	}
	close(fd);
}

static void
on_child(int number)
{
	(void)number;
}

/* Waits for a connection, if there is a place for one, or the end of one.
   False: there has been nothing to do for long. */
static bool
wait_for_work(struct places *p, const sigset_t *asleep)
{
	bool full = p->n == PLACES;
	struct pollfd listener = { .fd = full ? -1 : SOCKET_HANDED_DOWN,
		.events = POLLIN };
	int64_t left = LEISURE;

	if (full) {
		left = p->all[0].since + TURN - deadline_now();
		if (left <= 0) {
			end_oldest(p);
			return true;
		}
	}
	const struct timespec limit = { .tv_sec = left / 1000,
		.tv_nsec = left % 1000 * 1000000 };
	int ready = ppoll(&listener, 1, &limit, asleep);
	if (ready > 0) {
		take(p);
	}
	return ready != 0 || p->n > 0;
}

static bool
is_ours(int fd)
{
	int type = 0, listening = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) ==
	           0 &&
	       listening == 1 && fcntl(fd, F_SETFL, O_NONBLOCK) != -1;
}

int
resolver_serve(void)
{
	static struct places places;
	struct sigaction action = { .sa_handler = on_child };
	sigset_t children, asleep;

	if (geteuid() == 0) {
		log_error("--resolver does not run as root: "
			  "restante-resolver.service has a user for it");
		return EX_USAGE;
	}
	if (socket_handed_down(1) != 1 || !is_ours(SOCKET_HANDED_DOWN)) {
		log_error("--resolver answers on a socket of "
			  "restante-resolver.socket; type: systemctl start "
			  "restante-resolver.socket");
		return EX_USAGE;
	}
	process_set_name("resolver");
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, &asleep);
	while (wait_for_work(&places, &asleep)) {
		reap(&places);
	}
	return EX_OK;
}
