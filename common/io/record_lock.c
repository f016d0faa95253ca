/* SPDX-License-Identifier: ISC */
/* Locks on tables that several processes share: never waited for for long. */
#include "common/io/record_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

int
record_lock(int fd, short type, off_t from, off_t len, int tries, long pause)
{
	struct flock l = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = from,
		.l_len = len,
	};
	struct timespec ts = { .tv_nsec = pause * 1000 };

	for (int i = 1; fcntl(fd, F_OFD_SETLK, &l) == -1; i++) {
		if ((errno != EAGAIN && errno != EACCES) || i == tries) {
			return -1;
		}
		nanosleep(&ts, NULL);
	}
	return 0;
}
