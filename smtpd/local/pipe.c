/* SPDX-License-Identifier: ISC */
/*
 * Feeds a command and waits for it.  One loop writes, reads and keeps time, so
 * that no command can hold anything up: one that reads nothing, writes without
 * end, leaves children that keep its output open, or never ends.
 */
#include "smtpd/local/pipe.h"

#include "common/io/deadline.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/local/words.h"
#include "spool/mail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	BUFFER = 64 * 1024,
	OUTPUT = 600, /* octets of its output that we pass on */
	NOT_FOUND = 127,
	NOT_EXECUTABLE = 126,
};

struct pipe_process {
	const struct pipe_command *command;
	pid_t pid;
	int process; /* a pidfd */
	int in, out; /* our ends; -1: closed */
	bool last;   /* the message has been read to its end */
	off_t at;
	size_t from, to; /* of the buffer: not yet written */
	size_t said;
	char output[OUTPUT + 1];
	char buffer[BUFFER];
};

static void
close_end(int *fd)
{
	if (*fd != -1) {
		close(*fd);
		*fd = -1;
	}
}

/* ---- the environment: none of ours is passed on ---- */

/* Adds NAME=value less control characters, some of which end a line. */
static void
add_variable(
    struct environment *e, size_t *n, const char *name, const char *value)
{
	char *text = e->text[*n];
	int len = snprintf(text, ENVIRONMENT_TEXT, "%s=", name);
	size_t to = len < 0 ? 0 : (size_t)len;

	for (const char *p = value; *p != '\0' && to < ENVIRONMENT_TEXT - 1;
	     p++) {
		unsigned char c = (unsigned char)*p;
		if (c >= ' ' && c != 0x7f) {
			text[to++] = *p;
		}
	}
	text[to] = '\0';
	e->list[(*n)++] = text;
}

/*
 * Cuts the extension out of an address; "" if a shell could take a part of it
 * for more than text.  A quoted local part can hold anything.
 */
static void
copy_extension(
    const char *recipient, const char *delimiters, char text[ENVIRONMENT_TEXT])
{
	const char *at = strrchr(recipient, '@');
	size_t local =
	    at == NULL ? strlen(recipient) : (size_t)(at - recipient);
	/* A name does not begin with what delimits it. */
	static const char safe[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._+-=";
	size_t n = local == 0 ? 0 : 1 + strcspn(recipient + 1, delimiters);

	text[0] = '\0';
	if (n + 1 < local && local - n < ENVIRONMENT_TEXT) {
		memcpy(text, recipient + n + 1, local - n - 1);
		text[local - n - 1] = '\0';
	}
	if (text[strspn(text, safe)] != '\0') {
		text[0] = '\0';
	}
}

void
environment_make(struct environment *e, const struct account *a,
    const char *sender, const char *recipient, const char *delimiters)
{
	char after[ENVIRONMENT_TEXT];
	size_t n = 0;

	copy_extension(recipient, delimiters, after);
	add_variable(e, &n, "PATH", "/usr/local/bin:/usr/bin:/bin");
	add_variable(e, &n, "SHELL", "/bin/sh");
	add_variable(e, &n, "LANG", "C");
	add_variable(e, &n, "HOME", a->home);
	add_variable(e, &n, "USER", a->name);
	add_variable(e, &n, "LOGNAME", a->name);
	add_variable(e, &n, "SENDER", sender);
	add_variable(e, &n, "RECIPIENT", recipient);
	add_variable(e, &n, "ORIGINAL_RECIPIENT", recipient);
	if (after[0] != '\0') {
		add_variable(e, &n, "EXTENSION", after);
	}
	e->list[n] = NULL;
}

/* ---- the command's side ---- */

_Noreturn static void
become_command(const struct pipe_command *c, char **words, int in, int out)
{
	static struct environment env; /* too large for the stack */

	if (setsid() == -1 || dup2(in, STDIN_FILENO) == -1 ||
	    dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, UINT_MAX, 0) == -1) {
		_exit(EX_TEMPFAIL);
	}
	if (c->owner->home[0] != '/' || chdir(c->owner->home) == -1) {
		if (chdir("/") == -1) {
			_exit(EX_TEMPFAIL);
		}
	}
	umask(077);
	environment_make(
	    &env, c->owner, c->sender, c->recipient, c->delimiters);
	process_plain_signals();
	execve(words[0], words, env.list);
	int why = errno;
	dprintf(STDERR_FILENO, "cannot run %s: %s", words[0], strerror(why));
	_exit(why == ENOENT || why == ENOTDIR   ? NOT_FOUND
	      : why == EACCES || why == ENOEXEC ? NOT_EXECUTABLE
						: EX_TEMPFAIL);
}

/* ---- our side ---- */

/* Two pipes and a process; false with errno. */
static bool
start_command(struct pipe_process *r, char **words)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) == -1) {
		return false;
	}
	if (pipe2(out, O_CLOEXEC) == -1) {
		close(in[0]);
		close(in[1]);
		return false;
	}
	/* The pipes may have got 0 to 2 if those were closed. */
	r->pid = fork();
	if (r->pid == 0) {
		become_command(r->command, words,
		    fcntl(in[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1),
		    fcntl(out[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
	}
	close(in[0]);
	close(out[1]);
	r->in = in[1];
	r->out = out[0];
	r->process = r->pid == -1 ? -1 : pidfd_open(r->pid, 0);
	/* The command is whatever its user may be; we open nothing more. */
	if (r->process != -1 && fcntl(r->in, F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(r->out, F_SETFL, O_NONBLOCK) == 0 &&
	    sandbox_task(SANDBOX_WAITER, NULL) == 0) {
		return true;
	}
	int saved = errno;
	close_end(&r->in);
	close_end(&r->out);
	close_end(&r->process);
	if (r->pid != -1) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	errno = saved;
	return false;
}

/* The lines on top; the head of a queue file holds no control characters. */
static size_t
put_head(const struct pipe_command *c, char *buffer, size_t room)
{
	int n = snprintf(buffer, room, "Return-Path: <%s>\nDelivered-To: %s\n",
	    c->sender, c->recipient);

	return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Writes what the command takes now; closes its input after the last. */
static void
feed_command(struct pipe_process *r)
{
	if (r->from == r->to && !r->last) {
		ssize_t n = pread(
		    r->command->message, r->buffer, sizeof(r->buffer), r->at);
		if (n == -1) {
			/* It must not take a part for the whole. */
			kill(r->pid, SIGKILL);
			kill(-r->pid, SIGKILL);
			close_end(&r->in);
			return;
		}
		r->at += n;
		r->from = 0;
		r->to = (size_t)n;
		r->last = n == 0;
	}
	ssize_t n =
	    r->last ? 0 : write(r->in, r->buffer + r->from, r->to - r->from);
	if (n > 0) {
		r->from += (size_t)n;
	} else if (r->last || (errno != EAGAIN && errno != EINTR)) {
		close_end(&r->in); /* EPIPE: it has read enough */
	}
}

/* Reads its output, and keeps the first octets. */
static void
listen_to(struct pipe_process *r)
{
	char waste[4096];
	bool keep = r->said < OUTPUT;
	ssize_t n = read(r->out, keep ? r->output + r->said : waste,
	    keep ? OUTPUT - r->said : sizeof(waste));

	if (n > 0) {
		r->said += keep ? (size_t)n : 0;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_end(&r->out);
	}
}

/* True when the command has ended; false when the deadline has passed. */
static bool
feed_until(struct pipe_process *r, int64_t deadline)
{
	for (;;) {
		struct pollfd p[] = { { .fd = r->process, .events = POLLIN },
			{ .fd = r->in, .events = POLLOUT },
			{ .fd = r->out, .events = POLLIN } };
		int64_t left = deadline - deadline_now();
		if (left <= 0) {
			return false;
		}
		if (poll(p, 3, (int)left) == -1 && errno != EINTR) {
			return false;
		}
		if (p[2].revents != 0) {
			listen_to(r);
		}
		if (p[0].revents != 0) {
			return true;
		}
		if (p[1].revents != 0) {
			feed_command(r);
		}
	}
}

/* Waits for its end, or kills it; true if it ended in time. */
static bool
wait_for_end(struct pipe_process *r, int *status)
{
	const struct pipe_command *c = r->command;
	bool ended = feed_until(r, deadline_now() + c->limit);

	if (!ended) {
		kill(-r->pid, SIGTERM);
		(void)feed_until(r, deadline_now() + c->grace);
		kill(-r->pid, SIGKILL); /* and the children it has left */
	}
	while (waitpid(r->pid, status, 0) == -1 && errno == EINTR) {
	}
	/* What it wrote last may still be in the pipe. */
	for (size_t before = SIZE_MAX; r->out != -1 && r->said != before;) {
		before = r->said;
		listen_to(r);
	}
	r->output[r->said] = '\0';
	close_end(&r->in);
	close_end(&r->out);
	close_end(&r->process);
	return ended;
}

static void
judge_status(const struct pipe_process *r, int status, struct verdict *v)
{
	static const struct {
		int status;
		enum outcome_kind kind;
		const char *dsn;
	} known[] = {
		{ EX_DATAERR, OUTCOME_FAILED, "5.6.0" },
		{ EX_NOUSER, OUTCOME_FAILED, "5.1.1" },
		{ EX_NOHOST, OUTCOME_FAILED, "5.1.2" },
		{ EX_OSERR, OUTCOME_DEFERRED, "4.3.0" },
		{ EX_IOERR, OUTCOME_DEFERRED, "4.3.0" },
		{ EX_TEMPFAIL, OUTCOME_DEFERRED, "4.3.0" },
		{ EX_NOPERM, OUTCOME_FAILED, "5.7.1" },
		{ NOT_EXECUTABLE, OUTCOME_DEFERRED, "4.3.5" },
		{ NOT_FOUND, OUTCOME_DEFERRED, "4.3.5" },
	};
	enum outcome_kind kind = OUTCOME_FAILED;
	const char *dsn = "5.3.0";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].status == status) {
			kind = known[i].kind;
			dsn = known[i].dsn;
		}
	}
	verdict_set(v, kind, dsn, "command ended with status %d: %.200s%s%s",
	    status, r->command->text, r->said > 0 ? ": " : "", r->output);
}

static void
judge_result(
    const struct pipe_process *r, bool in_time, int status, struct verdict *v)
{
	const char *text = r->command->text;

	if (!in_time) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0",
		    "command did not end within %d seconds: %.200s",
		    r->command->limit / 1000, text);
	} else if (!WIFEXITED(status)) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0",
		    "command ended by signal %d: %.200s", WTERMSIG(status),
		    text);
	} else if (WEXITSTATUS(status) != 0) {
		judge_status(r, WEXITSTATUS(status), v);
	} else {
		verdict_set(v, OUTCOME_SENT, "2.0.0",
		    "delivered to command: %.200s%s%s", text,
		    r->said > 0 ? ": " : "", r->output);
	}
}

void
pipe_run(const struct pipe_command *c, struct verdict *v)
{
	static struct pipe_process r; /* its pages are touched when used */
	char text[MAIL_TEXT + 1];
	char *words[WORDS_MOST + 1];
	int status = 0;

	if (strlcpy(text, c->text, sizeof(text)) >= sizeof(text) ||
	    !words_split(text, words)) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.5",
		    "not a command, unterminated quote: %.200s", c->text);
		return;
	}
	if (words[0][0] != '/') {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.5",
		    "not a command, it must start with the absolute path of "
		    "a program: %.200s",
		    c->text);
		return;
	}
	memset(&r, 0, offsetof(struct pipe_process, buffer));
	r.command = c;
	r.to = put_head(c, r.buffer, sizeof(r.buffer));
	signal(SIGPIPE, SIG_IGN);
	if (!start_command(&r, words)) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0",
		    "cannot start a command: %s", strerror(errno));
		return;
	}
	bool in_time = wait_for_end(&r, &status);
	judge_result(&r, in_time, status, v);
}
