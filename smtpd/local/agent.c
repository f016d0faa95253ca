/* SPDX-License-Identifier: ISC */
/*
 * The local agent.  Runs with the rights of the runner, and gives each
 * recipient a process of its own, which becomes the user for good.  The answer
 * of such a process is in the user's hand: it decides about that user's mail
 * and no other.  What a user has written, and what a message says, is read by
 * such processes alone: what they can do is bounded, and this one, which starts
 * the users' commands, cannot be confined.
 */
#include "smtpd/local/agent.h"

#include "common/io/deadline.h"
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/login/aliases_load.h"
#include "common/process/process.h"
#include "smtpd/local/away.h"
#include "smtpd/local/deliver.h"
#include "smtpd/local/local_message.h"
#include "smtpd/local/reply.h"
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
	PROCESSES = 8, /* at once, of those that are younger than */
	QUICK = 1000,  /* ms: who takes longer keeps nobody else waiting */
	ANSWER = sizeof(struct verdict) + FORWARD_SIZE,
	/* ms; longer ones are killed: a user could stop the process. */
	PATIENCE = DELIVER_LIMIT + 2 * 60 * 1000,
};

/* What a process does; each is another one. */
enum step {
	STEP_FORWARD, /* gives back ~/.forward, or delivers */
	STEP_RESEND,  /* sends the message on, where ~/.forward says */
	STEP_MAILBOX, /* delivers, whatever ~/.forward says */
	/* After the delivery, for a user who is away: */
	STEP_AWAY,  /* says what is answered, if anything */
	STEP_REPLY, /* puts the answer into the queue */
};

/* One delivery process. */
struct delivery_process {
	pid_t pid; /* 0: free */
	int fd;
	uint32_t number; /* of the recipient */
	enum step step;
	int64_t begun, deadline;
	size_t len;
	char *answer; /* ANSWER octets and one, kept for the next job */
};

struct local_agent {
	const struct config *config;
	struct names *names;
	struct aliases *aliases; /* NULL until they are needed */
	int channel;
	const struct order *order;
	uint32_t reported; /* recipients of the order */
	uint32_t answers;  /* that were thought of; then OUTCOME_DONE is last */
	bool queued;       /* one of them was put into the queue */
	struct local_message message;
	struct delivery_process processes[ORDER_RECIPIENTS];
};

static void
report(struct local_agent *a, uint32_t number, const struct verdict *v)
{
	struct outcome o = { .serial = a->order->serial,
		.recipient = number,
		.kind = v->kind,
		.last = ++a->reported == a->order->count && a->answers == 0,
		.host = "local" };

	memcpy(o.dsn, v->dsn, sizeof(o.dsn));
	memcpy(o.text, v->text, sizeof(o.text));
	agent_send_outcome(a->channel, &o);
}

static void
defer_recipient(struct local_agent *a, uint32_t number, const char *what)
{
	struct verdict v;

	verdict_set(&v, OUTCOME_DEFERRED, "4.3.0", "%s", what);
	report(a, number, &v);
}

static bool
is_answer(enum step step)
{
	return step == STEP_AWAY || step == STEP_REPLY;
}

/* The step does not come to its end.  The message of an answer is delivered
   without one, too. */
static void
defer_step(
    struct local_agent *a, const struct delivery_process *d, const char *what)
{
	if (!is_answer(d->step)) {
		defer_recipient(a, d->number, what);
	} else {
		log_warn("%s: vacation: no answer of %.100s: %s",
		    a->message.mail.id,
		    a->message.mail.recipients[d->number].text, what);
	}
}

/* ---- processes ---- */

static int
deliver(struct local_agent *a, const struct delivery_process *d, int out)
{
	struct deliver deliver = { .config = a->config,
		.names = a->names,
		.message = &a->message,
		.recipient = &a->message.mail.recipients[d->number],
		.mode = d->step == STEP_FORWARD ? DELIVER_FORWARD
		                                : DELIVER_MAILBOX };

	return deliver_recipient(&deliver, out);
}

/* The text of ~/.forward is what the process of the user has answered. */
static int
resend(struct local_agent *a, const struct delivery_process *d, int out)
{
	const char *text = d->answer + sizeof(struct verdict);
	const struct recipient *to = &a->message.mail.recipients[d->number];
	char user[USER_NAME + 1];
	struct verdict v;
	struct expand expand = {
		.config = a->config, .names = a->names, .aliases = a->aliases
	};
	struct resend resend = { .expand = &expand,
		.message = &a->message,
		.number = d->number,
		.user = user,
		.text = text,
		.len = d->len - sizeof(struct verdict) };

	if (!user_name(a->config, to->text, user)) {
		verdict_set(&v, OUTCOME_DEFERRED, "4.3.0", "no such user");
	} else {
		resend_confined(&resend, &v);
	}
	return file_append(out, &v, sizeof(v));
}

/* What the user's process has said is the text of the answer. */
static int
answer(struct local_agent *a, const struct delivery_process *d, int out)
{
	static char text[FORWARD_SIZE];
	struct expand expand = {
		.config = a->config, .names = a->names, .aliases = a->aliases
	};
	struct away away = { .expand = &expand,
		.message = &a->message,
		.recipient = &a->message.mail.recipients[d->number] };
	struct verdict v;

	if (d->step == STEP_AWAY) {
		away_decide(&away, &v, text);
	} else {
		reply_queue(&away, d->number, d->answer + sizeof(v),
		    d->len - sizeof(v), &v);
	}
	return file_append(out, &v, sizeof(v)) == 0 &&
	               file_append(out, text, v.forward) == 0
	           ? 0
	           : -1;
}

_Noreturn static void
run_step(struct local_agent *a, const struct delivery_process *d, int out)
{
	/* A delivery goes on to its end though the agent has ended: the server
	   kills what an orphan leaves of its group. */
	process_lead_group();
	close(a->channel);
	int result = is_answer(d->step)       ? answer(a, d, out)
	             : d->step == STEP_RESEND ? resend(a, d, out)
	                                      : deliver(a, d, out);
	_exit(result == 0 ? 0 : 1);
}

/* Starts a process, or says that the step is not done. */
static void
start_step(struct local_agent *a, struct delivery_process *d, uint32_t number,
    enum step step)
{
	int fds[2];

	d->number = number;
	d->step = step;
	if (d->answer == NULL && (d->answer = malloc(ANSWER + 1)) == NULL) {
		defer_step(a, d, "out of memory");
		return;
	}
	if (pipe2(fds, O_CLOEXEC) == -1) {
		defer_step(a, d, "cannot make a pipe");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		run_step(a, d, fds[1]);
	}
	close(fds[1]);
	if (pid == -1) {
		close(fds[0]);
		defer_step(a, d, "cannot fork");
		return;
	}
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	d->pid = pid;
	d->fd = fds[0];
	d->begun = deadline_now();
	d->deadline = d->begun + PATIENCE;
	d->len = 0;
}

/* Copies the answer; false if such a process may not give it. */
static bool
is_sound(const struct local_agent *a, const struct delivery_process *d,
    struct verdict *v)
{
	if (d->len < sizeof(*v)) {
		return false;
	}
	memcpy(v, d->answer, sizeof(*v));
	v->dsn[sizeof(v->dsn) - 1] = '\0';
	v->text[sizeof(v->text) - 1] = '\0';
	if (d->step == STEP_REPLY) {
		return v->forward == 0;
	}
	if (v->kind == OUTCOME_EXPANDED) {
		return d->step != STEP_MAILBOX &&
		       v->forward == d->len - sizeof(*v) &&
		       a->message.mail.recipients[d->number].target ==
		           TARGET_USER;
	}
	return v->kind == OUTCOME_SENT || v->kind == OUTCOME_DEFERRED ||
	       v->kind == OUTCOME_FAILED;
}

/* Starts a step that looks at the aliases. */
static void
start_aliased(struct local_agent *a, struct delivery_process *d, enum step step)
{
	char error[CONFIG_ERROR];

	if (a->aliases == NULL) {
		a->aliases = aliases_load(a->config, error);
	}
	d->step = step;
	if (a->aliases == NULL) {
		defer_step(a, d, error);
	} else {
		start_step(a, d, d->number, step);
	}
}

/* Goes on with what the process has said. */
static void
take_verdict(
    struct local_agent *a, struct delivery_process *d, const struct verdict *v)
{
	bool expanded = v->kind == OUTCOME_EXPANDED;

	if (d->step == STEP_REPLY) {
		a->queued = a->queued || expanded;
	} else if (d->step == STEP_AWAY) {
		if (expanded) {
			start_step(a, d, d->number, STEP_REPLY);
		}
	} else if (expanded && v->mailbox != 0) {
		start_step(a, d, d->number, STEP_MAILBOX);
	} else if (expanded && d->step == STEP_FORWARD) {
		start_aliased(a, d, STEP_RESEND);
	} else {
		bool away = v->kind == OUTCOME_SENT && v->away != 0;
		a->answers += away;
		report(a, d->number, v);
		if (away) {
			start_aliased(a, d, STEP_AWAY);
		}
	}
}

/* Reports the result of a process that has ended or was killed. */
static void
end_delivery(struct local_agent *a, struct delivery_process *d)
{
	struct verdict v;
	int status = 0;

	close(d->fd);
	/* It has said all, or is late: nothing more is waited for.  One that
	   is ending already keeps its status. */
	if (!process_kill(d->pid, PROCESS_DEATH, &status)) {
		log_error("%s: process %d for %.100s does not end though it "
			  "was killed: a disk, or what its user has mounted, "
			  "does not answer",
		    a->message.mail.id, (int)d->pid,
		    a->message.mail.recipients[d->number].text);
		d->pid = 0;
		defer_step(a, d,
		    "the disk or file system of the mailbox does not answer");
		return;
	}
	d->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    !is_sound(a, d, &v)) {
		log_error("%s: the delivery to %.100s ended without a result",
		    a->message.mail.id,
		    a->message.mail.recipients[d->number].text);
		defer_step(a, d,
		    "internal error: the delivery process gave no result");
		return;
	}
	take_verdict(a, d, &v);
}

/* Reads a part of the answer; ends the delivery after the last part. */
static void
read_answer(struct local_agent *a, struct delivery_process *d)
{
	ssize_t n = read(d->fd, d->answer + d->len, ANSWER + 1 - d->len);

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	d->len += n > 0 ? (size_t)n : 0;
	if (n > 0 && d->len <= ANSWER) {
		return;
	}
	if (n != 0) {
		kill(d->pid, SIGKILL); /* the answer is too long */
	}
	end_delivery(a, d);
}

/* Waits for answers; false if no delivery is under way.  more: others wait to
   be started. */
static bool
wait_for_event(struct local_agent *a, bool more)
{
	struct pollfd p[ORDER_RECIPIENTS];
	struct delivery_process *processes[ORDER_RECIPIENTS];
	int64_t deadline = INT64_MAX, now = deadline_now();
	nfds_t n = 0;

	for (size_t i = 0; i < ORDER_RECIPIENTS; i++) {
		struct delivery_process *d = &a->processes[i];
		if (d->pid != 0) {
			int64_t next = more && d->begun + QUICK > now
			                   ? d->begun + QUICK
			                   : d->deadline;
			deadline = next < deadline ? next : deadline;
			processes[n] = d;
			p[n++] =
			    (struct pollfd){ .fd = d->fd, .events = POLLIN };
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
			read_answer(a, processes[i]);
		} else if (now >= processes[i]->deadline) {
			kill(processes[i]->pid, SIGKILL);
			end_delivery(a, processes[i]);
		}
	}
	return true;
}

/* ---- orders ---- */

/* Room for one more, or NULL: so many have only just begun. */
static struct delivery_process *
free_process(struct local_agent *a)
{
	struct delivery_process *room = NULL;
	int64_t now = deadline_now();
	int quick = 0;

	for (size_t i = 0; i < ORDER_RECIPIENTS; i++) {
		struct delivery_process *d = &a->processes[i];
		quick += d->pid != 0 && now - d->begun < QUICK;
		room = d->pid == 0 ? d : room;
	}
	return quick < PROCESSES ? room : NULL;
}

static void
deliver_all(struct local_agent *a)
{
	uint32_t next = 0;

	for (;;) {
		struct delivery_process *d = free_process(a);
		if (next < a->order->count && d != NULL) {
			uint32_t number = a->order->recipients[next++];
			if (number < a->message.mail.count) {
				start_step(a, d, number, STEP_FORWARD);
			}
			continue;
		}
		if (!wait_for_event(a, next < a->order->count)) {
			return;
		}
	}
}

/* Loads the user names, unless they are fresh; NULL, or what is wrong. */
static const char *
load_names(struct local_agent *a, char error[CONFIG_ERROR])
{
	if (a->names != NULL && !names_stale(a->names, a->config)) {
		return NULL;
	}
	names_free(a->names);
	/* Without owners: an account has its home directory, then. */
	a->names = names_load(a->config, error);
	return a->names == NULL ? error : NULL;
}

static void
refuse_all(struct local_agent *a, const char *what)
{
	for (uint32_t i = 0; i < a->order->count; i++) {
		defer_recipient(a, a->order->recipients[i], what);
	}
}

static void
run_order(struct local_agent *a, int fd)
{
	char error[CONFIG_ERROR];
	struct outcome done = { .serial = a->order->serial,
		.kind = OUTCOME_DONE };
	const char *wrong = load_names(a, error);

	a->reported = a->answers = 0;
	a->queued = false;
	if (wrong == NULL &&
	    local_message_open(&a->message, fd, a->config->queue) == -1) {
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
		local_message_close(&a->message);
	}
	if (wrong != NULL) {
		refuse_all(a, wrong);
	}
	done.relayed = a->queued ? DONE_QUEUED : 0;
	if (a->reported == 0 || a->reported < a->order->count ||
	    a->answers > 0) {
		agent_send_outcome(a->channel, &done);
	}
}

_Noreturn void
local_agent(const struct config *config, int channel)
{
	static struct local_agent a;
	struct order order;
	int fd;

	signal(SIGCHLD, SIG_DFL); /* its children are waited for */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* what was begun is finished */
	a.config = config;
	a.channel = channel;
	a.order = &order;
	while (agent_receive_order(channel, &order, &fd) == 0) {
		if (order.count > ORDER_RECIPIENTS) {
			_exit(1);
		}
		run_order(&a, fd);
		close(fd);
	}
	_exit(0);
}
