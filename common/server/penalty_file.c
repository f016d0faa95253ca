/* SPDX-License-Identifier: ISC */
/*
 * The file that holds the penalties, mapped by every server.  May run as root.
 * Trouble with it is answered, never waited for.
 */
#include "common/server/penalty.h"

#include "common/io/record_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SIZE = sizeof(struct penalty_image),
	TRIES = 20,
	PAUSE = 200, /* microseconds between them */
};

/* Takes or gives back the lock on the file. */
static int
lock(int fd, short type)
{
	return record_lock(fd, type, 0, 0, TRIES, PAUSE);
}

/* The file gets its size, with the room on the disk: a hole that cannot be
 * filled would end whoever writes there by a signal. */
static int
give_size(int fd)
{
	struct stat st;
	int error = 0;

	if (lock(fd, F_WRLCK) == -1) {
		return -1;
	}
	if (fstat(fd, &st) == -1) {
		error = errno;
	} else if (!S_ISREG(st.st_mode)) {
		error = EINVAL;
	} else if (st.st_size < SIZE) {
		error = posix_fallocate(fd, 0, SIZE);
	}
	(void)lock(fd, F_UNLCK);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
map(struct penalties *p)
{
	void *at =
	    mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);

	if (at == MAP_FAILED) {
		return -1;
	}
	p->image = at;
	/* Sessions read what strangers say: they must not have it. */
	return madvise(at, SIZE, MADV_DONTFORK);
}

static int
open_file(struct penalties *p, bool make)
{
	p->fd = open(p->path,
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (make ? O_CREAT : 0),
	    0600);
	if (p->fd == -1) {
		return -1;
	}
	if (give_size(p->fd) == -1 || map(p) == -1) {
		int saved = errno;
		penalties_close(p);
		errno = saved;
		return -1;
	}
	return 0;
}

int
penalties_open(struct penalties *p, const struct config *config, bool make)
{
	p->fd = -1;
	p->image = NULL;
	if (snprintf(p->path, sizeof(p->path), "%s/penalties", config->state) >=
	    (int)sizeof(p->path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (make && mkdir(config->state, 0755) == 0) {
		(void)chmod(config->state, 0755); /* as for all that is there */
	}
	return open_file(p, make);
}

void
penalties_close(struct penalties *p)
{
	if (p->image != NULL) {
		munmap(p->image, SIZE);
	}
	if (p->fd != -1) {
		close(p->fd);
	}
	p->image = NULL;
	p->fd = -1;
}

/* Whether the file is still there, and all of it. */
static bool
intact(struct penalties *p)
{
	struct stat st;

	if (p->fd != -1 && fstat(p->fd, &st) == 0 && st.st_nlink > 0 &&
	    st.st_size >= SIZE) {
		return true;
	}
	penalties_close(p);
	return open_file(p, true) == 0;
}

bool
penalties_readable(struct penalties *p)
{
	return intact(p) && penalty_is_table(p->image);
}

bool
penalties_begin(struct penalties *p)
{
	if (!intact(p) || lock(p->fd, F_WRLCK) == -1) {
		return false;
	}
	if (!penalty_is_table(p->image)) {
		penalty_reset(p->image);
	}
	return true;
}

void
penalties_end(struct penalties *p)
{
	(void)lock(p->fd, F_UNLCK);
}
