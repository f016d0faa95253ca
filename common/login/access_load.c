/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/login/access_load.h"

#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The server waits for this, and each session looks through it. */
enum { FILE_MAX = 1024 * 1024 };

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_uid == b->st_uid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
access_changed(const struct config *config, struct access_seen *seen)
{
	struct access_seen now = { .looked = true };

	if (stat(config->access, &now.file) == -1) {
		now.error = errno;
		memset(&now.file, 0, sizeof(now.file));
	}
	bool changed = !seen->looked || seen->error != now.error ||
	               !is_same(&seen->file, &now.file);
	*seen = now;
	return changed;
}

/* Why the file must not be trusted or read; NULL if it may. */
static const char *
refusal(const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		return "is not a file";
	}
	if (geteuid() == 0 && st->st_uid != 0) {
		return "must belong to root";
	}
	if (geteuid() == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return "can be written by others; type chmod go-w";
	}
	return st->st_size > FILE_MAX
	           ? "has more than 1 MiB; name fewer, or use dnsbl or a filter"
	           : NULL;
}

/* Reads what is there, if it stays the same; NULL with errno. */
static struct access *
read_open(int fd, const struct stat *st, struct access_faults *faults)
{
	size_t size = (size_t)st->st_size;
	char *data = malloc(size + 1);
	struct access *a = NULL;
	struct stat after;

	ssize_t n = data == NULL ? -1 : file_read_all(fd, data, size + 1);
	if (n != -1 && fstat(fd, &after) == 0) {
		errno = EAGAIN;
		if ((size_t)n == size && is_same(st, &after)) {
			a = access_read(data, size, faults);
		}
	}
	free(data);
	return a;
}

struct access *
access_load(const struct config *config, struct access_faults *faults,
    bool *again, char error[CONFIG_ERROR])
{
	const char *path = config->access, *why = NULL;
	struct access *a = NULL;
	struct stat st;

	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0 && (why = refusal(&st)) == NULL) {
		a = read_open(fd, &st, faults);
	}
	int reason = errno;
	if (fd != -1) {
		close(fd);
	}
	*again = a == NULL && why == NULL &&
	         (reason == EAGAIN || reason == ENOMEM || reason == EMFILE ||
		     reason == ENFILE);
	if (why != NULL) {
		snprintf(error, CONFIG_ERROR, "the access file %.300s %s", path,
		    why);
	} else if (a == NULL) {
		snprintf(error, CONFIG_ERROR, "cannot read %.300s: %s", path,
		    strerror(reason));
	}
	return a;
}
