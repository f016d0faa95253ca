/* SPDX-License-Identifier: ISC */
/* The file "session": locked by the session, and its id and last activity. */
#include "spool/session_lock.h"

#include "common/io/file.h"
#include "common/io/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	IDLE = 60,       /* seconds after which a session gives way */
	PATIENCE = 5000, /* ms that it has for that */
	COURTESY = 2000, /* ms that we wait for one at work */
	PAUSE = 100,
};

struct holder {
	int64_t pid;
	int64_t active; /* seconds of the clock that only goes forward */
};

struct session_lock {
	int fd;
	int64_t touched;
};

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static int
try_lock(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &whole);
}

/*
 * Waits for the holder to end: a little if it is at work (its client may have
 * just hung up and called again), and if it is idle, for as long as it takes
 * to ask it to.  Only while the lock is held can the process id in the file not
 * be somebody else's by now.
 */
static int
wait_for_end(int fd)
{
	const struct timespec pause = { .tv_nsec = PAUSE * 1000000L };
	struct holder h;

	for (int waited = 0; waited < PATIENCE; waited += PAUSE) {
		bool known = file_read(fd, &h, sizeof(h), 0) == 0 && h.pid > 1;
		bool idle = known && now() - h.active >= IDLE;
		if (!idle && waited >= COURTESY) {
			break;
		}
		if (idle && waited % 1000 == 0) {
			kill((pid_t)h.pid, SIGTERM);
		}
		nanosleep(&pause, NULL);
		if (try_lock(fd) == 0) {
			return 0;
		}
	}
	errno = EWOULDBLOCK;
	return -1;
}

void
session_lock_touch(struct session_lock *s)
{
	struct holder h = { .active = now() };

	if (s != NULL && h.active != s->touched) {
		h.pid = getpid();
		s->touched = h.active;
		/* If this fails, the session gives way too early, and no worse.
		 */
		(void)!file_write(s->fd, &h, sizeof(h), 0);
	}
}

int
session_lock_take(struct session_lock **out, const char *directory)
{
	struct session_lock *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		errno = ENOMEM;
		return -1;
	}
	s->fd = owned_open_at(directory, "session", O_RDWR | O_CREAT);
	if (s->fd == -1) {
		free(s);
		return -1;
	}
	if (try_lock(s->fd) == -1 && wait_for_end(s->fd) == -1) {
		close(s->fd);
		free(s);
		errno = EWOULDBLOCK;
		return -1;
	}
	session_lock_touch(s);
	*out = s;
	return 0;
}

void
session_lock_release(struct session_lock *s)
{
	if (s != NULL) {
		close(s->fd);
		free(s);
	}
}
