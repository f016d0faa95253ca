/* SPDX-License-Identifier: ISC */
/*
 * Opening, sizing and locking the files below "state".  May run as root.  A
 * lock is never waited for for long.
 */
#include "common/io/statefile.h"

#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int
statefile_path(const struct config *config, const char *name,
    const char *ending, char path[PATH_MAX])
{
	int n =
	    snprintf(path, PATH_MAX, "%s/%s%s", config->state, name, ending);

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

void
statefile_folder(const struct config *config)
{
	if (mkdir(config->state, 0755) == 0) {
		/* Whatever the umask, as for all files in it. */
		(void)chmod(config->state, 0755);
	}
}

int
statefile_open(const char *path, int flags, struct stat *st)
{
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd == -1) {
		return -1;
	}
	if (fstat(fd, st) == -1 || !S_ISREG(st->st_mode)) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

int
statefile_size(int fd, off_t size)
{
	errno = posix_fallocate(fd, 0, size);
	return errno == 0 ? 0 : -1;
}

int
statefile_lock(int fd, short type, off_t from, off_t len, int tries, long pause)
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

enum { DAY = 24 * 60 * 60 };

/* Under the lock: says whether it is time, and notes that it was. */
static bool
is_due(int fd)
{
	struct stat st;
	time_t now = time(NULL);

	if (fstat(fd, &st) == -1) {
		return true;
	}
	/* One that lies ahead was written before a clock was set back. */
	bool due =
	    st.st_size == 0 || st.st_mtime > now || now - st.st_mtime >= DAY;
	if (due) {
		(void)!file_write(fd, "\n", 1, 0);
	}
	return due;
}

bool
statefile_due(const struct config *config, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (statefile_path(config, name, "", path) == -1) {
		return true;
	}
	statefile_folder(config);
	int fd = statefile_open(path, O_RDWR | O_CREAT, &st);
	if (fd == -1) {
		return true;
	}
	/* Whoever has the lock is saying it. */
	bool due = statefile_lock(fd, F_WRLCK, 0, 1, 1, 0) == 0 && is_due(fd);
	close(fd);
	return due;
}
