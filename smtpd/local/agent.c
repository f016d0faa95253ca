/* SPDX-License-Identifier: ISC */
/*
 * The local agent.  Runs with the rights of the runner, and gives each
 * recipient a process of its own, which becomes the user for good.  What such
 * a process says is the user's word: it decides about that user's mail alone.
 */
#include "smtpd/local/agent.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "smtpd/local/deliver.h"
#include "smtpd/local/letter.h"
#include "smtpd/local/resend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	JOBS = 8, /* at once */
	ANSWER = sizeof(struct verdict) + FORWARD_SIZE,
	/* The user could stop the process for good; ms. */
	PATIENCE = DELIVER_LIMIT + 2 * 60 * 1000,
};

/* One delivery process. */
struct job {
	pid_t pid; /* 0: free */
	int fd;
	uint32_t number; /* of the recipient */
	bool at_once;    /* into the mailbox, without a look at .forward */
	int64_t deadline;
	size_t len;
	char *answer; /* ANSWER octets and one, kept for the next job */
};

struct agent {
	const struct config *config;
	struct names *names;
	struct aliases *aliases; /* NULL until they are needed */
	int channel;
	const struct order *order;
	struct letter letter;
	struct job jobs[JOBS];
};

static void
tell(struct agent *a, uint32_t number, const struct verdict *v)
{
	struct outcome o = { .serial = a->order->serial,
		.recipient = number,
		.kind = v->kind,
		.host = "local" };

	memcpy(o.dsn, v->dsn, sizeof(o.dsn));
	memcpy(o.text, v->text, sizeof(o.text));
	agent_tell(a->channel, &o);
}

static void
tell_trouble(struct agent *a, uint32_t number, const char *what)
{
	struct verdict v;

	verdict_set(&v, OUTCOME_DEFERRED, "4.3.0", "%s", what);
	tell(a, number, &v);
}

/* ---- processes ---- */

_Noreturn static void
run_job(struct agent *a, uint32_t number, bool at_once, int out)
{
	struct deliver d = { .config = a->config,
		.names = a->names,
		.letter = &a->letter,
		.recipient = &a->letter.mail.recipients[number],
		.at_once = at_once };

	close(a->channel);
	_exit(deliver_recipient(&d, out) == 0 ? 0 : 1);
}

/* Starts a delivery, or tells why not. */
static void
start_job(struct agent *a, struct job *j, uint32_t number, bool at_once)
{
	int fds[2];

	if (j->answer == NULL && (j->answer = malloc(ANSWER + 1)) == NULL) {
		tell_trouble(a, number, "out of memory");
		return;
	}
	if (pipe2(fds, O_CLOEXEC) == -1) {
		tell_trouble(a, number, "cannot make a pipe");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		run_job(a, number, at_once, fds[1]);
	}
	close(fds[1]);
	if (pid == -1) {
		close(fds[0]);
		tell_trouble(a, number, "cannot fork");
		return;
	}
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	j->pid = pid;
	j->fd = fds[0];
	j->number = number;
	j->at_once = at_once;
	j->deadline = deadline_now() + PATIENCE;
	j->len = 0;
}

/* The answer, if it is one that such a process may give. */
static bool
is_sound(const struct agent *a, const struct job *j, struct verdict *v)
{
	if (j->len < sizeof(*v)) {
		return false;
	}
	memcpy(v, j->answer, sizeof(*v));
	v->dsn[sizeof(v->dsn) - 1] = '\0';
	v->text[sizeof(v->text) - 1] = '\0';
	if (v->kind == OUTCOME_EXPANDED) {
		return !j->at_once && v->forward == j->len - sizeof(*v) &&
		       a->letter.mail.recipients[j->number].target ==
		           TARGET_USER;
	}
	return v->kind == OUTCOME_SENT || v->kind == OUTCOME_DEFERRED ||
	       v->kind == OUTCOME_FAILED;
}

/* Follows ~/.forward.  False: that leads to the mailbox. */
static bool
follow(struct agent *a, const struct job *j, struct verdict *v)
{
	char error[CONFIG_ERROR], user[USER_NAME + 1];
	const struct recipient *r = &a->letter.mail.recipients[j->number];

	if (a->aliases == NULL) {
		a->aliases = aliases_load(a->config, error);
	}
	if (a->aliases == NULL || !user_name(a->config, r->text, user)) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0", "%s",
		    a->aliases == NULL ? error : "no such user");
		return true;
	}
	struct expand expand = {
		.config = a->config, .names = a->names, .aliases = a->aliases
	};
	struct resend resend = { .expand = &expand,
		.letter = &a->letter,
		.number = j->number,
		.user = user,
		.text = j->answer + sizeof(*v),
		.len = j->len - sizeof(*v) };
	return resend_message(&resend, v);
}

/* The process has ended, or been given up. */
static void
end_job(struct agent *a, struct job *j)
{
	struct verdict v;
	int status = 0;

	close(j->fd);
	while (waitpid(j->pid, &status, 0) == -1 && errno == EINTR) {
	}
	j->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    !is_sound(a, j, &v)) {
		log_error("%s: the delivery to %.100s ended without a result",
		    a->letter.mail.id,
		    a->letter.mail.recipients[j->number].text);
		tell_trouble(a, j->number, "the delivery process broke down");
		return;
	}
	if (v.kind == OUTCOME_EXPANDED && !follow(a, j, &v)) {
		start_job(a, j, j->number, true);
		return;
	}
	tell(a, j->number, &v);
}

/* Reads what has come; ends the job behind the last of it. */
static void
hear(struct agent *a, struct job *j)
{
	ssize_t n = read(j->fd, j->answer + j->len, ANSWER + 1 - j->len);

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	j->len += n > 0 ? (size_t)n : 0;
	if (n > 0 && j->len <= ANSWER) {
		return;
	}
	if (n != 0) {
		kill(j->pid, SIGKILL); /* talks too much */
	}
	end_job(a, j);
}

/* Waits until something happens; false: nothing is under way. */
static bool
attend(struct agent *a)
{
	struct pollfd p[JOBS];
	struct job *jobs[JOBS];
	int64_t deadline = INT64_MAX, now = deadline_now();
	nfds_t n = 0;

	for (size_t i = 0; i < JOBS; i++) {
		struct job *j = &a->jobs[i];
		if (j->pid != 0) {
			deadline =
			    j->deadline < deadline ? j->deadline : deadline;
			jobs[n] = j;
			p[n++] =
			    (struct pollfd){ .fd = j->fd, .events = POLLIN };
		}
	}
	if (n == 0) {
		return false;
	}
	int wait = deadline > now ? (int)(deadline - now) : 0;
	if (poll(p, n, wait) == -1) {
		return true;
	}
	now = deadline_now();
	for (nfds_t i = 0; i < n; i++) {
		if (p[i].revents != 0) {
			hear(a, jobs[i]);
		} else if (now >= jobs[i]->deadline) {
			kill(jobs[i]->pid, SIGKILL);
			end_job(a, jobs[i]);
		}
	}
	return true;
}

/* ---- orders ---- */

static struct job *
free_job(struct agent *a)
{
	for (size_t i = 0; i < JOBS; i++) {
		if (a->jobs[i].pid == 0) {
			return &a->jobs[i];
		}
	}
	return NULL;
}

static void
deliver_all(struct agent *a)
{
	uint32_t next = 0;

	for (;;) {
		struct job *j = free_job(a);
		if (next < a->order->count && j != NULL) {
			uint32_t number = a->order->recipients[next++];
			if (number < a->letter.mail.count) {
				start_job(a, j, number, false);
			}
			continue;
		}
		if (!attend(a)) {
			return;
		}
	}
}

/* The names of today, for one order. */
static const char *
load_names(struct agent *a, char error[CONFIG_ERROR])
{
	if (a->names != NULL && !names_stale(a->names, a->config)) {
		return NULL;
	}
	names_free(a->names);
	/* Without owners: an account has its home directory, then. */
	a->names = names_load(a->config, false, error);
	return a->names == NULL ? error : NULL;
}

static void
refuse_all(struct agent *a, const char *what)
{
	for (uint32_t i = 0; i < a->order->count; i++) {
		tell_trouble(a, a->order->recipients[i], what);
	}
}

static void
run_order(struct agent *a, int fd)
{
	char error[CONFIG_ERROR];
	struct outcome done = { .serial = a->order->serial,
		.kind = OUTCOME_DONE };
	const char *wrong = load_names(a, error);

	if (wrong == NULL &&
	    letter_open(&a->letter, fd, a->config->queue) == -1) {
		wrong = errno == EINVAL ? "the queue file is damaged"
		                        : strerror(errno);
		log_error("cannot read a message of the queue: %s", wrong);
	} else if (wrong == NULL) {
		if (a->aliases != NULL &&
		    aliases_stale(a->aliases, a->config)) {
			aliases_free(a->aliases);
			a->aliases = NULL;
		}
		deliver_all(a);
		letter_close(&a->letter);
	}
	if (wrong != NULL) {
		refuse_all(a, wrong);
	}
	agent_tell(a->channel, &done);
}

_Noreturn void
local_agent(const struct config *config, int channel)
{
	static struct agent a;
	struct order order;
	int fd;

	signal(SIGCHLD, SIG_DFL); /* its children are waited for */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* what was begun is finished */
	signal(SIGXFSZ, SIG_IGN); /* a limit is an error like any other */
	a.config = config;
	a.channel = channel;
	a.order = &order;
	while (agent_receive(channel, &order, &fd) == 0) {
		if (order.count > ORDER_RECIPIENTS) {
			_exit(1);
		}
		run_order(&a, fd);
		close(fd);
	}
	_exit(0);
}
