/* SPDX-License-Identifier: ISC */
/* How far things are, for who waits at a terminal. */
#include "smtpd/send/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 1000, STEP = 200, MIB = 1024 * 1024 };

static int64_t
milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
progress_begin(struct progress *p, off_t total)
{
	*p = (struct progress){ .total = total };
	p->on = isatty(STDERR_FILENO) == 1;
	p->next = milliseconds() + FIRST;
}

void
progress_add(struct progress *p, size_t octets)
{
	p->done += (off_t)octets;
	if (!p->on || milliseconds() < p->next) {
		return;
	}
	p->next = milliseconds() + STEP;
	p->shown = true;
	fprintf(stderr, "\rcomposing: %lld of %lld MiB ",
	    (long long)(p->done / MIB), (long long)(p->total / MIB));
	fflush(stderr);
}

void
progress_end(struct progress *p)
{
	if (p->shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
}
