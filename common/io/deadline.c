/* SPDX-License-Identifier: ISC */
/* Waiting for descriptors: until a deadline, or until the server goes down. */
#include "common/io/deadline.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t shutdowns;

static void
on_term(int sig)
{
	(void)sig;
	shutdowns = shutdowns + 1;
}

void
deadline_catch_shutdown(void)
{
	struct sigaction sa = { .sa_handler = on_term };
	sigset_t term;

	/* Blocked but while waiting, so that none slips in between the test
	   of the counter and ppoll(). */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static int64_t
read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
deadline_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
deadline_sleep(int64_t until)
{
	int64_t left = until - deadline_now();
	const struct timespec ts = { .tv_sec = left / 1000,
		.tv_nsec = left % 1000 * 1000000 };

	if (left > 0) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	}
}

int64_t
deadline_coarse(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
	return read_clock(CLOCK_MONOTONIC_COARSE);
#else
	return read_clock(CLOCK_MONOTONIC);
#endif
}

/* The first SIGTERM ends a session between transactions, the second any. */
static bool
shutting_down(bool interruptible)
{
	return shutdowns >= (interruptible ? 1 : 2);
}

int
deadline_wait(int fd, short events, int64_t deadline, bool interruptible)
{
	struct pollfd p = { .fd = fd, .events = events };
	sigset_t none;

	sigemptyset(&none);
	for (;;) {
		if (shutting_down(interruptible)) {
			errno = EINTR;
			return -1;
		}
		int64_t left = deadline - deadline_now();
		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		struct timespec ts = { .tv_sec = left / 1000,
			.tv_nsec = left % 1000 * 1000000 };
		int n = ppoll(&p, 1, &ts, &none);
		if (n > 0) {
			return 0;
		}
		if (n == -1 && errno != EINTR) {
			return -1;
		}
	}
}

void
pace_start(struct pace *p, int64_t now, uint64_t seen, int64_t stretch,
    uint64_t octets)
{
	p->stretch = stretch;
	p->octets = octets;
	p->until = now + stretch;
	p->target = seen + octets;
}

int64_t
pace_next(struct pace *p, int64_t now, uint64_t seen)
{
	if (seen >= p->target) {
		pace_start(p, now, seen, p->stretch, p->octets);
	}
	return p->until;
}
