/* SPDX-License-Identifier: ISC */
/*
 * Kills the program at the call of number SETUP_AT that changes files, or, with
 * SETUP_ERROR, makes that call fail with that errno; with SETUP_FULL, and all
 * after it that need room on the disk.  SETUP_COUNT names a file that gets the
 * number of these calls.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

static pid_t whole;
static int count, at, error;
static bool full;

static int
number(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : atoi(text);
}

__attribute__((constructor)) static void
begin(void)
{
	at = number("SETUP_AT");
	error = number("SETUP_ERROR");
	full = number("SETUP_FULL") != 0;
	whole = getpid();
	unsetenv("LD_PRELOAD"); /* the programs that it runs are let be */
}

__attribute__((destructor)) static void
finish(void)
{
	const char *path = getenv("SETUP_COUNT");
	FILE *file =
	    path == NULL || getpid() != whole ? NULL : fopen(path, "w");

	if (file != NULL) {
		fprintf(file, "%d\n", count);
		fclose(file);
	}
}

/* True if the call is to fail. */
static bool
step(bool needs_room)
{
	if (getpid() != whole || ++count < at || at <= 0) {
		return false;
	}
	if (count == at && error == 0) {
		kill(whole, SIGKILL);
	}
	errno = error;
	return count == at || (full && needs_room);
}

#define SIMPLE(name, room, params, args)                                       \
	int name params                                                        \
	{                                                                      \
		return step(room) ? -1 : REAL(name) args;                      \
	}

SIMPLE(rename, true, (const char *from, const char *to), (from, to))
SIMPLE(renameat2, true,
    (int a, const char *from, int b, const char *to, unsigned flags),
    (a, from, b, to, flags))
SIMPLE(link, true, (const char *from, const char *to), (from, to))
SIMPLE(unlink, false, (const char *path), (path))
SIMPLE(
    unlinkat, false, (int fd, const char *path, int flags), (fd, path, flags))
SIMPLE(rmdir, false, (const char *path), (path))
SIMPLE(mkdir, true, (const char *path, mode_t mode), (path, mode))
SIMPLE(chmod, false, (const char *path, mode_t mode), (path, mode))
SIMPLE(fchmod, false, (int fd, mode_t mode), (fd, mode))
SIMPLE(chown, false, (const char *path, uid_t u, gid_t g), (path, u, g))
SIMPLE(fsync, true, (int fd), (fd))

/* Names and pipes are told from files by their descriptors. */
ssize_t
write(int fd, const void *data, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fd > 2 &&
	    step(true)) {
		return -1;
	}
	return REAL(write)(fd, data, len);
}

int
open(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if ((flags & O_CREAT) != 0 && step(true)) {
		return -1;
	}
	return REAL(open)(path, flags, mode);
}
