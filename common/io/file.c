/* SPDX-License-Identifier: ISC */
/* Reads and writes until all is done, and again if a signal came. */
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t
file_read_some(int fd, void *data, size_t len, off_t at)
{
	ssize_t n;

	do {
		n = pread(fd, data, len, at);
	} while (n == -1 && errno == EINTR);
	return n;
}

ssize_t
file_next(int fd, void *data, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, data, len);
	} while (n == -1 && errno == EINTR);
	return n;
}

int
file_read(int fd, void *data, size_t len, off_t at)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = file_read_some(fd, p, len, at);
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* How much of it was written, at an offset or, with -1, at the position. */
static ssize_t
write_some(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n;

	do {
		n = at == -1 ? write(fd, data, len) : pwrite(fd, data, len, at);
	} while (n == -1 && errno == EINTR);
	return n;
}

static int
write_all(int fd, const char *data, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = write_some(fd, data, len, at);
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		data += n;
		at += at == -1 ? 0 : n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_write(int fd, const void *data, size_t len, off_t at)
{
	return write_all(fd, data, len, at);
}

int
file_move(int fd, off_t from, off_t to, size_t len)
{
	static char piece[64 * 1024];
	bool up = to > from;

	/* It begins at the end that is not overwritten. */
	for (size_t done = 0; done < len && to != from;) {
		size_t n =
		    len - done < sizeof(piece) ? len - done : sizeof(piece);
		off_t at = (off_t)(up ? len - done - n : done);
		if (file_read(fd, piece, n, from + at) == -1 ||
		    file_write(fd, piece, n, to + at) == -1) {
			return -1;
		}
		done += n;
	}
	return 0;
}

int
file_append(int fd, const void *data, size_t len)
{
	return write_all(fd, data, len, -1);
}

void
file_start(int fd, size_t len, off_t at)
{
	(void)!sync_file_range(fd, at, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

ssize_t
file_read_all(int fd, void *data, size_t size)
{
	char *p = data;
	size_t n = 0;

	while (n < size) {
		ssize_t k = file_next(fd, p + n, size - n);
		if (k == -1) {
			return -1;
		}
		if (k == 0) {
			break;
		}
		n += (size_t)k;
	}
	return (ssize_t)n;
}

int
file_unnamed(const char *directory)
{
	char path[PATH_MAX];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd == -1 && errno == EOPNOTSUPP &&
	    snprintf(path, sizeof(path), "%s/body.XXXXXX", directory) <
		(int)sizeof(path)) {
		fd = mkostemp(path, O_CLOEXEC);
		if (fd != -1) {
			unlink(path);
		}
	}
	return fd;
}

int
file_empty(int fd)
{
	return lseek(fd, 0, SEEK_END) == 0 ? 0 : ftruncate(fd, 0);
}
