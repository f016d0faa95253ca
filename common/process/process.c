/* SPDX-License-Identifier: ISC */
/* Starts and ends children.  Runs as root if the parent does. */
#include "common/process/process.h"

#include "common/io/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static int
ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void
process_close_others(int *keep, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(keep, n, sizeof(*keep), ascending);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from) {
			continue;
		}
		if (keep[i] > (int)from) {
			close_range(from, (unsigned)keep[i] - 1, 0);
		}
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, UINT_MAX, 0);
}

void
process_default_signals(void)
{
	sigset_t none;

	signal(SIGCHLD, SIG_DFL);
	signal(SIGINT, SIG_IGN); /* the server passes on what matters */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

bool
process_has_terminal(void)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (terminal != -1) {
		close(terminal);
	}
	return terminal != -1 || errno != ENXIO;
}

void
process_lead_group_by(bool terminal)
{
	if (terminal) {
		(void)setsid();
	} else {
		(void)setpgid(0, 0); /* fails for a leader, who needs none */
	}
}

void
process_lead_group(void)
{
	process_lead_group_by(process_has_terminal());
}

#ifdef __linux__

void
process_set_name(const char *name)
{
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

#else

void
process_set_name(const char *name)
{
	setproctitle("%s", name);
}

#endif

void
process_plain_signals(void)
{
	sigset_t none;

	/* Ignored signals stay ignored across execve(2). */
	for (int i = 1; i < NSIG; i++) {
		signal(i, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void
process_end_with_parent(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(EX_TEMPFAIL); /* it has ended already */
	}
}

/* Waits for the end of a process; true if it ended in time. */
static bool
ended(int process, int64_t deadline)
{
	struct pollfd p = { .fd = process, .events = POLLIN };

	for (;;) {
		int64_t left = deadline - deadline_now();
		int n = left <= 0 ? 0 : poll(&p, 1, (int)left);
		if (n >= 0 || errno != EINTR) {
			return n > 0;
		}
	}
}

bool
process_kill(pid_t pid, int patience, int *status)
{
	int process = pidfd_open(pid, 0);

	kill(-pid, SIGKILL); /* and the processes that it started */
	kill(pid, SIGKILL);
	if (process != -1) {
		bool gone = ended(process, deadline_now() + patience);
		close(process);
		if (!gone) {
			return false;
		}
	}
	while (waitpid(pid, status, 0) == -1 && errno == EINTR) {
	}
	return true;
}

static enum process_end
process_wait(pid_t pid, int limit, int *status)
{
	int process = pidfd_open(pid, 0), code = 0;
	bool in_time = process != -1 && ended(process, deadline_now() + limit);

	if (process != -1) {
		close(process);
	}
	if (!process_kill(pid, PROCESS_DEATH, &code)) {
		*status = SIGKILL;
		return PROCESS_LATE;
	}
	*status = WIFEXITED(code) ? WEXITSTATUS(code) : WTERMSIG(code);
	return !in_time          ? PROCESS_LATE
	       : WIFEXITED(code) ? PROCESS_EXITED
	                         : PROCESS_SIGNALED;
}

enum process_end
process_run(int (*run)(void *context), void *context, int limit, int *status)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == -1) {
		return PROCESS_FAILED;
	}
	if (pid == 0) {
		process_lead_group();
		process_plain_signals();
		process_end_with_parent(parent);
		_exit(run(context));
	}
	return process_wait(pid, limit, status);
}

pid_t
process_fork_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT, 0, NULL, NULL, 0);
}

void
process_prepare(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	/* The C library looks its own realloc(3) up when it first needs it. */
	if (f != NULL) {
		(void)fclose(f);
		free(text);
	}
}

pid_t
process_next_end(int64_t deadline, int *status)
{
	sigset_t chld;

	/* Blocked, it is kept for sigtimedwait(2) from here on. */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	for (;;) {
		pid_t pid = waitpid(-1, status, WNOHANG);
		int64_t left = deadline - deadline_now();
		if (pid > 0 || (pid == -1 && errno != EINTR)) {
			return pid;
		}
		if (left <= 0) {
			return 0;
		}
		struct timespec ts = { .tv_sec = left / 1000,
			.tv_nsec = left % 1000 * 1000000 };
		(void)sigtimedwait(&chld, NULL, &ts);
	}
}
