/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a program, this makes its clock run CLOCK_SPEED times as fast:
 * what it waits minutes for, a test sees in seconds.  deadline_now() reads
 * CLOCK_MONOTONIC, and waits go through ppoll(2) and sigtimedwait(2).  The
 * clock by which the server waits for its children, and its poll(2), go as fast
 * only if CLOCK_COARSE is set: a loaded machine does not do in a second what
 * takes minutes there.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long
speed(void)
{
	const char *text = getenv("CLOCK_SPEED");
	long n = text == NULL ? 1 : strtol(text, NULL, 10);

	return n > 0 ? n : 1;
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, clock, ts);

	if (rc == 0 &&
	    (clock == CLOCK_MONOTONIC || (clock == CLOCK_MONOTONIC_COARSE &&
					     getenv("CLOCK_COARSE") != NULL))) {
		long n = speed();
		long long ns = (long long)ts->tv_nsec * n;
		ts->tv_sec = ts->tv_sec * n + (time_t)(ns / 1000000000);
		ts->tv_nsec = (long)(ns % 1000000000);
	}
	return (int)rc;
}

int
ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
    const sigset_t *mask)
{
	struct timespec ts, *given = NULL;

	if (timeout != NULL) {
		long n = speed();
		long long ns = ((long long)timeout->tv_sec * 1000000000 +
				   timeout->tv_nsec) /
		               n;
		ts.tv_sec = (time_t)(ns / 1000000000);
		ts.tv_nsec = (long)(ns % 1000000000);
		given = &ts;
	}
	return (int)syscall(
	    SYS_ppoll, fds, count, given, mask, sizeof(unsigned long));
}

int
poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec ts = { .tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000L };

	if (getenv("CLOCK_COARSE") == NULL) {
		return (int)syscall(SYS_ppoll, fds, count,
		    timeout < 0 ? NULL : &ts, NULL, sizeof(unsigned long));
	}
	return ppoll(fds, count, timeout < 0 ? NULL : &ts, NULL);
}

int
sigtimedwait(
    const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	long n = speed();
	long long ns =
	    ((long long)timeout->tv_sec * 1000000000 + timeout->tv_nsec) / n;
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000) };

	return (int)syscall(
	    SYS_rt_sigtimedwait, set, info, &ts, sizeof(unsigned long));
}

/* What poll(2) and ppoll(2) are in a program built with _FORTIFY_SOURCE. */
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int
__poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
	(void)size;
	return poll(fds, count, timeout);
}

int __ppoll_chk(
    struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
int
__ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
    const sigset_t *mask, size_t size)
{
	(void)size;
	return ppoll(fds, count, timeout, mask);
}
