/* SPDX-License-Identifier: ISC */
/*
 * The file that holds the penalties, mapped by every server.  May run as root.
 * Trouble with it is answered, never waited for.
 */
#include "common/server/penalty.h"

#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
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
	return statefile_lock(fd, type, 0, 0, TRIES, PAUSE);
}

/* The file gets its size, with the room on the disk: a hole that cannot be
 * filled would end whoever writes there by a signal. */
static int
give_size(int fd)
{
	struct stat st;
	int result = 0;

	if (lock(fd, F_WRLCK) == -1) {
		return -1;
	}
	if (fstat(fd, &st) == -1 || st.st_size < SIZE) {
		result = statefile_size(fd, SIZE);
	}
	int saved = errno;
	(void)lock(fd, F_UNLCK);
	errno = saved;
	return result;
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
	struct stat st;

	p->fd = statefile_open(p->path, O_RDWR | (make ? O_CREAT : 0), &st);
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
	if (statefile_path(config, "penalties", "", p->path) == -1) {
		return -1;
	}
	if (make) {
		statefile_folder(config);
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

/* True if the file is still there, and whole. */
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
