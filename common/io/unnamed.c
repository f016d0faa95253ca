/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/io/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
unnamed_file(const char *directory)
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
