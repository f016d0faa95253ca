/* SPDX-License-Identifier: ISC */
/*
 * How many connections there are to a next hop, of all runners together: each
 * is a lock on an octet of the file "connections", which stays empty.  A lock
 * belongs to the open description of the file, so that it ends with the process
 * that has the connection, however that ends.  What is in the file is nothing.
 */
#include "spool/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Each hop has a range of its own, by its hash; who shares one shares it. */
enum { RANGE = QUEUE_CONNECTIONS + 1, WANTED = QUEUE_CONNECTIONS };

static int
open_connections(struct queue *q)
{
	return openat(q->fd, "connections",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

static struct flock
lock_of(short type, uint32_t hop, unsigned number)
{
	return (struct flock){ .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)hop * RANGE + number,
		.l_len = 1 };
}

int
queue_take_connection(struct queue *q, uint32_t hop, unsigned most)
{
	int fd = open_connections(q);

	most = most < QUEUE_CONNECTIONS ? most : QUEUE_CONNECTIONS;
	for (unsigned i = 0; fd != -1 && i < most; i++) {
		struct flock lock = lock_of(F_WRLCK, hop, i);
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			return fd;
		}
		if (errno != EAGAIN && errno != EACCES) {
			break;
		}
		errno = EWOULDBLOCK;
	}
	int error = errno;
	if (fd != -1) {
		close(fd);
	}
	errno = error;
	return -1;
}

int
queue_want_connection(struct queue *q, uint32_t hop)
{
	struct flock lock = lock_of(F_RDLCK, hop, WANTED);
	int fd = open_connections(q);

	if (fd != -1 && fcntl(fd, F_OFD_SETLK, &lock) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool
queue_connection_wanted(struct queue *q, uint32_t hop)
{
	struct flock lock = lock_of(F_WRLCK, hop, WANTED);
	int fd = open_connections(q);
	bool wanted = fd != -1 && fcntl(fd, F_OFD_GETLK, &lock) == 0 &&
	              lock.l_type != F_UNLCK;

	if (fd != -1) {
		close(fd);
	}
	return wanted;
}
