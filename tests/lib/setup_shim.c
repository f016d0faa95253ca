/* SPDX-License-Identifier: ISC */
/* Kills the program at the call of number SETUP_KILL_AT that changes files. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static pid_t whole;
static int count, at;

__attribute__((constructor)) static void
begin(void)
{
	const char *text = getenv("SETUP_KILL_AT");

	at = text == NULL ? 0 : atoi(text);
	whole = getpid();
	unsetenv("LD_PRELOAD"); /* the programs that it runs are not killed */
}

static void
step(void)
{
	if (at > 0 && getpid() == whole && ++count == at) {
		kill(whole, SIGKILL);
	}
}

#define SIMPLE(name, params, args)                                             \
	int name params                                                        \
	{                                                                      \
		int(*real) params = (int(*) params)dlsym(RTLD_NEXT, #name);    \
		step();                                                        \
		return real args;                                              \
	}

SIMPLE(rename, (const char *from, const char *to), (from, to))
SIMPLE(renameat2,
    (int a, const char *from, int b, const char *to, unsigned flags),
    (a, from, b, to, flags))
SIMPLE(link, (const char *from, const char *to), (from, to))
SIMPLE(unlink, (const char *path), (path))
SIMPLE(mkdir, (const char *path, mode_t mode), (path, mode))
SIMPLE(chmod, (const char *path, mode_t mode), (path, mode))
SIMPLE(fchmod, (int fd, mode_t mode), (fd, mode))
SIMPLE(fsync, (int fd), (fd))
