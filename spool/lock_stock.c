/* SPDX-License-Identifier: ISC */
/* Dotlocks that are written before they are needed. */
#include "spool/lock_stock.h"

#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Writes our process id into a file that is one.  0, or -1. */
static int
write_id(int fd)
{
	char text[17];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	return lock_write(fd, text, (size_t)len);
}

static void
begin(struct lock_stock *s)
{
	s->left = 0;
	s->returns = false;
	s->used = s->folder = -1;
}

/* A file that holds our process id; -1 with errno. */
static int
make_file(int folder)
{
	char name[LINK_NAME];
	int fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd == -1) {
		return -1;
	}
	link_name(fd, name);
	if (write_id(fd) == -1 || access(name, F_OK) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
close_if_open(int fd)
{
	if (fd != -1) {
		close(fd);
	}
}

/* True if the file has that name, is our user's, and nobody else has it. */
static bool
is_free(int fd, int folder, const char *name, struct stat *st)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat named;

	return fcntl(fd, F_OFD_SETLK, &whole) == 0 && fstat(fd, st) == 0 &&
	       fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st->st_dev == named.st_dev && st->st_ino == named.st_ino &&
	       S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

/* Opens the file of that name, or makes it.  -1: somebody uses it. */
static int
open_lasting(int folder, const char *name)
{
	struct stat st;
	int fd = openat(folder, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	    0644);

	bool ours = fd != -1 && is_free(fd, folder, name, &st);
	if (ours && st.st_nlink != 1) {
		/* Whoever had it was killed with the dotlock, which must go on
		   naming the dead: the next one gets a file of its own. */
		unlinkat(folder, name, 0);
		ours = false;
	}
	if (!ours || fchmod(fd, 0644) == -1 || ftruncate(fd, 0) == -1) {
		close_if_open(fd);
		return -1;
	}
	return fd;
}

bool
lock_stock_make_lasting(struct lock_stock *s, int folder, const char *mailbox)
{
	char proc[LINK_NAME];
	int n = snprintf(s->name, sizeof(s->name), ".%s.lk", mailbox);

	begin(s);
	if (n < 0 || n > NAME_MAX) {
		return false;
	}
	int fd = open_lasting(folder, s->name);
	int own = fd == -1 ? -1 : openat(folder, ".", O_PATH | O_CLOEXEC);
	if (fd != -1) {
		link_name(fd, proc);
	}
	if (own == -1 || write_id(fd) == -1 || access(proc, F_OK) == -1) {
		if (fd != -1) {
			unlinkat(folder, s->name, 0);
		}
		close_if_open(fd);
		close_if_open(own);
		return false;
	}
	s->fd[s->left++] = fd;
	s->folder = own;
	return true;
}

bool
lock_stock_make(struct lock_stock *s, int folder, size_t count)
{
	begin(s);
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

void
lock_stock_return(struct lock_stock *s, const char *mailbox)
{
	/* A name that lock_collect() knows, if we are killed. */
	int n = snprintf(s->name, sizeof(s->name), "%s.lk%d.%08x", mailbox,
	    (int)getpid(), (unsigned)arc4random());

	s->returns = n > 0 && n <= NAME_MAX;
}

int
lock_stock_take(struct lock_stock *s)
{
	return s->left == 0 ? -1 : s->fd[--s->left];
}

/* Removes the name, if one of the files has it. */
static void
remove_name(struct lock_stock *s)
{
	if (s->folder != -1) {
		unlinkat(s->folder, s->name, 0);
		close(s->folder);
		s->folder = -1;
	}
}

/* The last one has become a dotlock. */
static void
use_last(struct lock_stock *s)
{
	if (s->returns) {
		remove_name(s); /* it has another one now */
		close_if_open(s->used);
		s->used = s->fd[--s->left];
	} else if (s->folder == -1) {
		close(s->fd[--s->left]);
	}
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
		use_last(s);
		return 0;
	}
	/* What somebody has removed is no lock, and no missing mailbox. */
	errno = why == 0 ? EEXIST : why == ENOENT ? EWOULDBLOCK : why;
	return -1;
}

bool
lock_stock_put_back(struct lock_stock *s, int folder, const char *name)
{
	if (!s->returns || s->used == -1 || s->folder != -1) {
		return false;
	}
	int own = openat(folder, ".", O_PATH | O_CLOEXEC);
	if (own == -1 || renameat(folder, name, folder, s->name) == -1) {
		close_if_open(own);
		return false;
	}
	s->folder = own;
	s->fd[s->left++] = s->used;
	s->used = -1;
	return true;
}

void
lock_stock_close(struct lock_stock *s)
{
	remove_name(s);
	close_if_open(s->used);
	s->used = -1;
	while (s->left > 0) {
		close(s->fd[--s->left]);
	}
}
