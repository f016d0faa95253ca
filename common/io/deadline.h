/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_DEADLINE_H
#define RESTANTE_COMMON_IO_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* Every wait has a deadline, and a SIGTERM may end it early. */

/*
 * From here on SIGTERM is counted, and seen by deadline_wait(): the first ends
 * waits that are interruptible, the second all.
 */
void deadline_catch_shutdown(void);

/* Milliseconds of a clock that only goes forward. */
int64_t deadline_now(void);

/*
 * Reads a clock that is some milliseconds coarse, and cheaper to ask, in ms:
 * for what the server waits for from its children.  Never compared with the
 * other.
 */
int64_t deadline_coarse(void);

/* Sleeps until then, of deadline_now(), or until a signal comes. */
void deadline_sleep(int64_t until);

/*
 * Waits until fd is ready for events (POLLIN, POLLOUT) or the deadline has
 * passed.  0: ready; -1 with errno ETIMEDOUT, or EINTR when interruptible and
 * the server is going down.
 */
int deadline_wait(int fd, short events, int64_t deadline, bool interruptible);

/*
 * A pace that a peer has to keep: a number of octets in each stretch of time.
 * Pure; a peer that is faster begins the next stretch at once.
 */
struct pace {
	int64_t stretch; /* ms */
	uint64_t octets; /* in each */
	int64_t until;   /* when this one ends */
	uint64_t target; /* how many there must be by then, in all */
};

void pace_start(struct pace *, int64_t now, uint64_t seen, int64_t stretch,
    uint64_t octets);

/* When waiting must end, after that number of octets has been seen. */
int64_t pace_next(struct pace *, int64_t now, uint64_t seen);

#endif
