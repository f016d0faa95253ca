/* SPDX-License-Identifier: ISC */
/*
 * Runs that a unit of their own makes (restante-queue.socket): commands of
 * aliases run there, so the servers can do without the rights that these need.
 */
#include "smtpd/queue/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HANDED_DOWN = 3 }; /* the first descriptor of sd_listen_fds(3) */

static bool
is_fifo(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Opens the FIFO, if somebody reads from it; else -1. */
static int
open_wake(const struct config *config)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/wake", config->queue);

	if (n < 0 || n >= (int)sizeof(path)) {
		return -1;
	}
	/* Nobody reads from what a unit that was stopped has left: ENXIO. */
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1 && !is_fifo(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
runner_has_unit(const struct config *config)
{
	int fd = open_wake(config);

	if (fd == -1) {
		return false;
	}
	close(fd);
	return true;
}

bool
runner_wake(const struct config *config)
{
	int fd = open_wake(config);

	if (fd == -1) {
		return false;
	}
	/* One that is full has been asked already. */
	bool asked = write(fd, "", 1) == 1 || errno == EAGAIN;
	close(fd);
	return asked;
}

void
runner_woken(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	char waste[4096];

	if (pid == NULL || count == NULL ||
	    strtol(pid, NULL, 10) != (long)getpid() ||
	    strtol(count, NULL, 10) != 1 || !is_fifo(HANDED_DOWN) ||
	    fcntl(HANDED_DOWN, F_SETFL, O_NONBLOCK) == -1) {
		return;
	}
	while (read(HANDED_DOWN, waste, sizeof(waste)) > 0) {
	}
	close(HANDED_DOWN);
}
