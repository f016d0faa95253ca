/* SPDX-License-Identifier: ISC */
/* Dotlocks that are written before they are needed. */
#include "spool/lock_stock.h"

#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINK_NAME = sizeof("/proc/self/fd/") + 12 };

static void
link_name(int fd, char name[LINK_NAME])
{
	snprintf(name, LINK_NAME, "/proc/self/fd/%d", fd);
}

int
lock_write(int fd, const char *text, size_t len)
{
	return file_write(fd, text, len, 0) == 0 || errno == ENOSPC ||
	               errno == EDQUOT
	           ? 0
	           : -1;
}

/* A file that holds our process id; -1 with errno. */
static int
make_file(int folder)
{
	char text[17], name[LINK_NAME];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd == -1) {
		return -1;
	}
	link_name(fd, name);
	if (lock_write(fd, text, (size_t)len) == -1 ||
	    access(name, F_OK) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
lock_stock_make(struct lock_stock *s, int folder, size_t count)
{
	s->left = 0;
	while (s->left < count) {
		int fd = make_file(folder);
		if (fd == -1) {
			lock_stock_close(s);
			return false;
		}
		s->fd[s->left++] = fd;
	}
	return true;
}

int
lock_stock_take(struct lock_stock *s)
{
	return s->left == 0 ? -1 : s->fd[--s->left];
}

int
lock_stock_link(struct lock_stock *s, int folder, const char *name)
{
	char from[LINK_NAME];
	struct stat mine, theirs;

	if (s->left == 0) {
		errno = EWOULDBLOCK; /* not in this process any more */
		return -1;
	}
	int fd = s->fd[s->left - 1];
	link_name(fd, from);
	/* It was written some time ago, and must not look stale. */
	if (futimens(fd, NULL) == -1 || fstat(fd, &mine) == -1) {
		return -1;
	}
	int why = linkat(AT_FDCWD, from, folder, name, AT_SYMLINK_FOLLOW) == -1
	              ? errno
	              : 0;
	/* What link() says may be wrong over a network: the name counts. */
	if (fstatat(folder, name, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
	    mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino) {
		close(fd);
		s->left--;
		return 0;
	}
	errno = why == 0 ? EEXIST : why;
	return -1;
}

void
lock_stock_close(struct lock_stock *s)
{
	while (s->left > 0) {
		close(s->fd[--s->left]);
	}
}
