/* SPDX-License-Identifier: ISC */
/*
 * Runs that a unit of their own makes (restante-queue.socket): commands of
 * aliases run there, so the servers can do without the rights that these need.
 */
#include "smtpd/queue/runner.h"

#include "common/io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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
	const int fd = SOCKET_HANDED_DOWN;
	char waste[4096];

	if (socket_handed_down(1) != 1 || !is_fifo(fd) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		return;
	}
	while (read(fd, waste, sizeof(waste)) > 0) {
	}
	close(fd);
}
