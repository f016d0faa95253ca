/* SPDX-License-Identifier: ISC */
/* Reads the aliases file. */
#include "common/login/aliases_load.h"

#include "common/io/file.h"
#include "common/names/aliases_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 512 * 1024 * 1024 };

/* Why the file must not be trusted or read; NULL if it may. */
static const char *
refusal(const struct stat *st)
{
	if (S_ISCHR(st->st_mode)) {
		return NULL; /* /dev/null, of which nothing is read */
	}
	if (!S_ISREG(st->st_mode)) {
		return "is not a file";
	}
	/* The file decides which programs run and where all mail goes. */
	if (geteuid() == 0 && st->st_uid != 0) {
		return "must belong to root";
	}
	if (geteuid() == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return "can be written by others; type chmod go-w";
	}
	return st->st_size > FILE_MAX ? "is too large" : NULL;
}

/* 0, or -1 with the error said. */
static int
load(struct aliases *a, int fd, const char *path, char error[CONFIG_ERROR])
{
	if (fstat(fd, &a->file) == -1) {
		snprintf(error, CONFIG_ERROR, "cannot read %.300s: %s", path,
		    strerror(errno));
		return -1;
	}
	const char *why = refusal(&a->file);
	if (why != NULL) {
		snprintf(
		    error, CONFIG_ERROR, "the aliases %.300s: %s", path, why);
		return -1;
	}
	a->there = true;
	size_t size = S_ISREG(a->file.st_mode) ? (size_t)a->file.st_size : 0;
	char *data = malloc(size + 1);
	ssize_t n = data == NULL ? -1 : file_read_all(fd, data, size);
	int result = n != -1 && aliases_read(a, path, data, (size_t)n) ? 0 : -1;
	if (result == -1) {
		snprintf(error, CONFIG_ERROR, "cannot read %.300s: %s", path,
		    strerror(errno));
	}
	free(data);
	return result;
}

struct aliases *
aliases_load(const struct config *config, char error[CONFIG_ERROR])
{
	struct aliases *a = calloc(1, sizeof(*a));
	int fd = open(config->aliases, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (a == NULL || (fd == -1 && errno != ENOENT)) {
		snprintf(error, CONFIG_ERROR, "cannot read %.300s: %s",
		    config->aliases, strerror(errno));
		if (fd != -1) {
			close(fd);
		}
		free(a);
		return NULL;
	}
	if (fd == -1) {
		return a;
	}
	int result = load(a, fd, config->aliases, error);
	close(fd);
	if (result == -1) {
		aliases_free(a);
		return NULL;
	}
	return a;
}

bool
aliases_stale(const struct aliases *a, const struct config *config)
{
	struct stat now;

	return stat(config->aliases, &now) == 0 &&
	       (!a->there || now.st_ino != a->file.st_ino ||
		   now.st_dev != a->file.st_dev ||
		   now.st_size != a->file.st_size ||
		   now.st_mtim.tv_sec != a->file.st_mtim.tv_sec ||
		   now.st_mtim.tv_nsec != a->file.st_mtim.tv_nsec ||
		   now.st_ctim.tv_sec != a->file.st_ctim.tv_sec ||
		   now.st_ctim.tv_nsec != a->file.st_ctim.tv_nsec);
}
