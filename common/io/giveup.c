/* SPDX-License-Identifier: ISC */
/* A message that is given up when the server says so. */
#include "common/io/giveup.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t file = -1, asked;

static void
on_signal(int sig)
{
	int saved = errno;

	(void)sig;
	if (file != -1) {
		asked = 1;
		(void)!ftruncate(file, 0);
	}
	errno = saved;
}

static void
mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(how, &set, NULL);
}

void
giveup_catch(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	mask(SIG_BLOCK);
	sigaction(SIGUSR1, &sa, NULL);
}

void
giveup_begin(int fd)
{
	asked = 0;
	file = fd;
}

bool
giveup_asked(void)
{
	if (file != -1) {
		/* A client that never lets us wait is asked here. */
		mask(SIG_UNBLOCK);
		mask(SIG_BLOCK);
	}
	return asked != 0;
}

void
giveup_end(void)
{
	file = -1;
}
