/* SPDX-License-Identifier: ISC */
/* Reads small files as a whole. */
#include "common/io/readfile.h"

#include <errno.h>
#include <unistd.h>

ssize_t
readfile_all(int fd, char *data, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t k = read(fd, data + n, size - n);
		if (k == -1 && errno != EINTR) {
			return -1;
		}
		if (k == 0) {
			break;
		}
		n += k > 0 ? (size_t)k : 0;
	}
	return (ssize_t)n;
}
