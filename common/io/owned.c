/* SPDX-License-Identifier: ISC */
/* Opens files that lie where users can put what they like. */
#include "common/io/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum owned
judge_status(const struct stat *st)
{
	return !S_ISREG(st->st_mode)       ? OWNED_NO_FILE
	       : st->st_uid != geteuid()   ? OWNED_BY_ANOTHER
	       : st->st_nlink > (nlink_t)1 ? OWNED_LINKED
	                                   : OWNED_FINE;
}

/* True if we are root, and the directory is somebody else's. */
static bool
is_roots_mistake(int directory)
{
	struct stat st;

	return geteuid() == 0 &&
	       (fstat(directory, &st) == -1 || st.st_uid != 0);
}

int
owned_open(int directory, const char *name, int flags)
{
	struct stat st;

	if (is_roots_mistake(directory)) {
		errno = EPERM;
		return -1;
	}
	int fd = openat(directory, name,
	    flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd == -1) {
		/* A link, a directory, a socket or FIFO: say so by one word. */
		errno = errno == ELOOP || errno == EISDIR || errno == ENXIO
		            ? EPERM
		            : errno;
		return -1;
	}
	int error = fstat(fd, &st) == -1              ? errno
	            : judge_status(&st) != OWNED_FINE ? EPERM
	                                              : 0;
	if (error != 0) {
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int
owned_open_at(const char *directory, const char *name, int flags)
{
	int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder == -1) {
		return -1;
	}
	int fd = owned_open(folder, name, flags);
	int saved = errno;
	close(folder);
	errno = saved;
	return fd;
}

enum owned
owned_look(int directory, const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1
	           ? OWNED_FINE
	           : judge_status(&st);
}

void
owned_text(enum owned what, const char *directory, const char *name,
    char text[OWNED_TEXT])
{
	switch (what) {
	case OWNED_NO_FILE:
		snprintf(text, OWNED_TEXT,
		    "in %s, %s is not a regular file and is not used: type "
		    "there mv %s %s.wrong",
		    directory, name, name, name);
		return;
	case OWNED_BY_ANOTHER:
		snprintf(text, OWNED_TEXT,
		    "in %s, %s belongs to somebody else and is not used: type "
		    "there chown %u %s",
		    directory, name, (unsigned)geteuid(), name);
		return;
	case OWNED_LINKED:
		snprintf(text, OWNED_TEXT,
		    "in %s, %s has more than one name and is not used: type "
		    "there cp -p %s %s.one && mv %s.one %s",
		    directory, name, name, name, name, name);
		return;
	case OWNED_FINE:
		break;
	}
	snprintf(text, OWNED_TEXT, "in %s, %s can be used", directory, name);
}

void
owned_why(const char *directory, const char *name, char text[OWNED_TEXT])
{
	int error = errno;
	int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum owned what = folder == -1 ? OWNED_FINE : owned_look(folder, name);

	if (what != OWNED_FINE) {
		owned_text(what, directory, name, text);
	} else {
		snprintf(text, OWNED_TEXT, "cannot open %s/%s: %s", directory,
		    name, strerror(error));
	}
	if (folder != -1) {
		close(folder);
	}
	errno = error;
}
