/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a program, this lets the rename(2) of a file to the path that
 * LATE names wait as long as there is one of that name with ".late"; while it
 * waits, there is one with ".here", too, with its number in it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int
rename(const char *from, const char *to)
{
	int (*next)(const char *, const char *) =
	    (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
	const char *path = getenv("LATE");
	struct timespec pause = { .tv_nsec = 5000000 };
	char late[4096], here[4096];
	int fd;

	if (path != NULL && strcmp(to, path) == 0) {
		(void)snprintf(late, sizeof(late), "%s.late", path);
		(void)snprintf(here, sizeof(here), "%s.here", path);
		fd = open(here, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		dprintf(fd, "%d\n", (int)getpid());
		close(fd);
		while (access(late, F_OK) == 0) {
			nanosleep(&pause, NULL);
		}
	}
	return next(from, to);
}
