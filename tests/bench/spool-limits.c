/* SPDX-License-Identifier: ISC */
/*
 * spool-limits - what the machine can do with a mailbox, to measure ours
 * against.  Prints milliseconds.
 *
 *	memchr FILE     finds every line of the file, by windows of read(2)
 *	shift FILE      takes the first message out: the rest moves to the
 *	                front, ftruncate(2), one fsync(2), no journal
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WINDOW = 256 * 1024, STEP = 1024 * 1024 };

static char buffer[STEP];

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static size_t
lines(int fd)
{
	size_t found = 0;
	ssize_t n;

	while ((n = read(fd, buffer, WINDOW)) > 0) {
		const char *end = buffer + n;
		for (const char *p = buffer;
		     (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++) {
			found++;
		}
	}
	return found;
}

static void
shift(int fd)
{
	ssize_t n = pread(fd, buffer, STEP, 0);
	char *next = n > 0 ? memmem(buffer, (size_t)n, "\n\nFrom ", 7) : NULL;

	if (next == NULL) {
		errx(1, "no second message within reach");
	}
	off_t hole = next + 2 - buffer, to = 0;
	while ((n = pread(fd, buffer, STEP, to + hole)) > 0) {
		if (pwrite(fd, buffer, (size_t)n, to) != n) {
			err(1, "pwrite");
		}
		to += n;
	}
	if (n == -1 || ftruncate(fd, to) == -1 || fsync(fd) == -1) {
		err(1, "shift");
	}
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		errx(1, "usage: memchr FILE, shift FILE");
	}
	int fd = open(argv[2], O_RDWR);
	if (fd == -1) {
		err(1, "%s", argv[2]);
	}
	memset(buffer, 1, sizeof(buffer)); /* its pages are there */
	double start = now_ms();
	if (strcmp(argv[1], "shift") == 0) {
		shift(fd);
	} else if (lines(fd) == 0) {
		errx(1, "%s is empty", argv[2]);
	}
	printf("%.3f\n", now_ms() - start);
	return 0;
}
