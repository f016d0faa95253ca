/* SPDX-License-Identifier: ISC */
/*
 * Reports of success for strangers: anybody can ask for one for each message,
 * at whatever address.  Each network gets some in an hour.  STATE/successes has
 * a line of numbers for each of a few networks, found by a hash: the hour, and
 * how many there were.  Whoever shares a line shares the limit.
 */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 1024, MOST = 20, HOUR = 60 * 60, TRIES = 50, PAUSE = 1000 };

struct line {
	uint32_t hour, count;
};

static bool
count_one(int fd, uint32_t hour, off_t at)
{
	struct line line;

	if (pread(fd, &line, sizeof(line), at) != (ssize_t)sizeof(line) ||
	    line.hour != hour) {
		line = (struct line){ .hour = hour };
	}
	if (line.count >= MOST) {
		return false;
	}
	line.count++;
	/* If it cannot be written it is not counted: no mail depends on it. */
	return pwrite(fd, &line, sizeof(line), at) != 0;
}

bool
success_allowed(const struct runner *r, const struct claimed *m)
{
	uint32_t party = m->parties[PARTY_NETWORK];
	uint32_t hour = (uint32_t)(time(NULL) / HOUR);
	char path[PATH_MAX];
	struct stat st;

	if (party == 0 ||
	    statefile_path(r->config, "successes", "", path) == -1) {
		return true; /* of a user, or of this machine */
	}
	int fd = statefile_open(path, O_RDWR | O_CREAT, &st);
	if (fd == -1) {
		return true;
	}
	off_t at = (off_t)(party % LINES * sizeof(struct line));
	bool allowed = statefile_lock(fd, F_WRLCK, at, sizeof(struct line),
			   TRIES, PAUSE) == -1 ||
	               count_one(fd, hour, at);
	close(fd);
	return allowed;
}
