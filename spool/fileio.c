/* SPDX-License-Identifier: ISC */
/* pread(2) and pwrite(2) until all is done. */
#include "spool/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
file_read(int fd, void *data, size_t len, off_t at)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, at);
		if (n == -1 && errno == EINTR) {
			continue;
		}
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

int
file_write(int fd, const void *data, size_t len, off_t at)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);
		if (n == -1 && errno == EINTR) {
			continue;
		}
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

void
file_start(int fd, size_t len, off_t at)
{
	(void)!sync_file_range(fd, at, (off_t)len, SYNC_FILE_RANGE_WRITE);
}
