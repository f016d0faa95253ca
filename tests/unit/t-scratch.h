/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_SCRATCH_H
#define RESTANTE_TESTS_UNIT_T_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A folder of the test's own under $TMPDIR, files in it, and numbers that are
 * the same in each run.  Trouble here is no result: it ends the program.
 */

#define UNUSED __attribute__((unused))

static char scratch_dir[PATH_MAX / 2];
static pid_t scratch_owner;

static inline void
scratch_need(bool good, const char *what)
{
	if (!good) {
		perror(what);
		printf("Bail out! %s\n", what);
		exit(1);
	}
}

/* Files, and one folder of files, in which programs keep their own. */
static const char scratch_inner[] = "inner";

static inline void
scratch_empty(const char *path)
{
	DIR *d = opendir(path);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d != NULL) {
		closedir(d);
		rmdir(path);
	}
}

static inline void
scratch_remove(void)
{
	char path[PATH_MAX];

	if (scratch_owner == getpid()) {
		snprintf(
		    path, sizeof(path), "%s/%s", scratch_dir, scratch_inner);
		scratch_empty(path);
		scratch_empty(scratch_dir);
	}
}

/* Makes the folder, which is removed when the process exits. */
UNUSED static void
scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(scratch_dir, sizeof(scratch_dir), "%s/restante-t-XXXXXX",
	    tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
	scratch_need(mkdtemp(scratch_dir) != NULL, "mkdtemp");
	scratch_owner = getpid();
	atexit(scratch_remove);
}

/* The path of a file there. */
UNUSED static const char *
scratch_path(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", scratch_dir, name);
	return path;
}

/* (Re)writes a file. */
UNUSED static void
scratch_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	scratch_need(fd != -1, path);
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);
		scratch_need(n > 0, path);
		done += (size_t)n;
	}
	scratch_need(close(fd) == 0, path);
}

/* The contents of a file, NUL added; the caller's to free. */
UNUSED static char *
scratch_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	scratch_need(fd != -1 && fstat(fd, &st) == 0, path);
	char *data = malloc((size_t)st.st_size + 1);
	scratch_need(data != NULL, path);
	scratch_need(read(fd, data, (size_t)st.st_size) == st.st_size, path);
	data[st.st_size] = '\0';
	close(fd);
	*len = (size_t)st.st_size;
	return data;
}

/* xorshift64*: enough for tests, and the same everywhere. */
static uint64_t random_state = 0x9e3779b97f4a7c15u;

/* A number below limit. */
UNUSED static size_t
random_below(size_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (size_t)((random_state * 0x2545f4914f6cdd1du) >> 33) % limit;
}

/* Bytes that grow. */
struct bytes {
	char *data;
	size_t len, room;
};

UNUSED static void
bytes_add(struct bytes *b, const void *data, size_t len)
{
	if (len > b->room - b->len) {
		b->room = (b->room + len) * 2;
		b->data = realloc(b->data, b->room);
		scratch_need(b->data != NULL, "realloc");
	}
	if (len > 0) {
		memcpy(b->data + b->len, data, len);
	}
	b->len += len;
}

UNUSED static void
bytes_text(struct bytes *b, const char *text)
{
	bytes_add(b, text, strlen(text));
}

UNUSED static void
bytes_fill(struct bytes *b, char c, size_t n)
{
	char run[1024];

	memset(run, c, sizeof(run));
	for (; n > sizeof(run); n -= sizeof(run)) {
		bytes_add(b, run, sizeof(run));
	}
	bytes_add(b, run, n);
}

#endif
