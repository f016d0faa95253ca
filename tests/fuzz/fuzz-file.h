/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_FUZZ_FUZZ_FILE_H
#define RESTANTE_TESTS_FUZZ_FUZZ_FILE_H

#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory, and its path: valid until the next call. */
static inline const char *
fuzz_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];

	if (fd == -1) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		MUST(fd != -1 && fchmod(fd, 0600) == 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

#endif
