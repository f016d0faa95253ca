/* SPDX-License-Identifier: ISC */
/* Reads the aliases file. */
#include "common/login/aliases_load.h"

#include "common/io/file.h"
#include "common/login/aliases_image.h"
#include "common/login/image.h"
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

/* Reads the lines.  0, or -1 with the error said. */
static int
read_lines(
    struct aliases *a, int fd, const char *path, char error[CONFIG_ERROR])
{
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

/* Notes the file, which must be one to be trusted.  false: the error is said.
 */
static bool
note_file(struct aliases *a, int fd, const char *path, char error[CONFIG_ERROR])
{
	if (fstat(fd, &a->file) == -1) {
		snprintf(error, CONFIG_ERROR, "cannot read %.300s: %s", path,
		    strerror(errno));
		return false;
	}
	const char *why = refusal(&a->file);
	if (why != NULL) {
		snprintf(
		    error, CONFIG_ERROR, "the aliases %.300s: %s", path, why);
	}
	a->there = true;
	return why == NULL;
}

/*
 * Opens the file, and maps its image if images are asked for and it has one
 * that fits; *fd is -1 then, as it is if there is no file.
 */
static struct aliases *
begin(
    const struct config *config, bool images, int *fd, char error[CONFIG_ERROR])
{
	struct aliases *a = calloc(1, sizeof(*a));

	*fd = open(config->aliases, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool ok = a != NULL && (*fd != -1 || errno == ENOENT);
	if (!ok) {
		snprintf(error, CONFIG_ERROR, "cannot read %.300s: %s",
		    config->aliases, strerror(errno));
	}
	ok = ok && (*fd == -1 || note_file(a, *fd, config->aliases, error));
	if (*fd != -1 && (!ok || (images && a->file.st_size >= IMAGE_FROM &&
				     aliases_image_map(a, config)))) {
		close(*fd);
		*fd = -1;
	}
	if (!ok) {
		free(a);
		return NULL;
	}
	return a;
}

static struct aliases *
load(const struct config *config, bool images, char error[CONFIG_ERROR])
{
	int fd;
	struct aliases *a = begin(config, images, &fd, error);

	if (a == NULL || fd == -1) {
		return a;
	}
	int result = read_lines(a, fd, config->aliases, error);
	close(fd);
	if (result == -1) {
		aliases_free(a);
		return NULL;
	}
	return a;
}

struct aliases *
aliases_load_lines(const struct config *config, char error[CONFIG_ERROR])
{
	return load(config, false, error);
}

struct aliases *
aliases_load(const struct config *config, char error[CONFIG_ERROR])
{
	struct aliases *a = load(config, true, error);
	bool slow;

	if (a == NULL || a->map != NULL || a->file.st_size < IMAGE_FROM ||
	    !aliases_image_write(a, config)) {
		return a;
	}
	struct aliases *mapped = aliases_ready(config, &slow);
	if (mapped == NULL || mapped->map == NULL) {
		aliases_free(mapped); /* the file has changed meanwhile */
		return a;
	}
	aliases_free(a);
	return mapped;
}

struct aliases *
aliases_ready(const struct config *config, bool *slow)
{
	char error[CONFIG_ERROR];
	int fd;
	struct aliases *a = begin(config, true, &fd, error);

	*slow = fd != -1 && a->file.st_size >= IMAGE_FROM;
	if (fd != -1) {
		close(fd);
		aliases_free(a);
		a = NULL;
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
