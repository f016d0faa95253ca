/* SPDX-License-Identifier: ISC */
/* Reads files of addresses that aliases include; may run as root. */
#include "common/names/passwd.h"
#include "smtpd/route/target.h"

#include "common/io/file.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INCLUDE_SIZE = 16 * 1024 * 1024 };

/* Why the file must not be used; NULL if it may be. */
static const char *
why_refused(const struct stat *st)
{
	return !S_ISREG(st->st_mode)               ? "not a file"
	       : (st->st_mode & S_IWOTH) != 0      ? "everybody can write it"
	       : st->st_size > (off_t)INCLUDE_SIZE ? "too large"
	                                           : NULL;
}

/*
 * True if all who can write it could run commands as alias-owner anyway.  *ok:
 * that could be found out.
 */
static bool
is_trusted(const struct config *config, const struct stat *st, bool *ok)
{
	*ok = true;
	if ((st->st_mode & S_IWGRP) != 0) {
		return false;
	}
	if (st->st_uid == 0 || st->st_uid == geteuid()) {
		return true;
	}
	const struct passwd *pw = passwd_by_name(config->alias_owner);
	*ok = pw != NULL || errno == 0;
	return pw != NULL && pw->pw_uid == st->st_uid;
}

static enum include_status
fail_temporarily(const char *path)
{
	log_error("cannot read the list %s: %s", path, strerror(errno));
	return INCLUDE_TEMPORARY;
}

static enum include_status
read_open(
    const struct config *config, const char *path, int fd, struct include *i)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		return fail_temporarily(path);
	}
	bool known;
	const char *why = why_refused(&st);
	if (why != NULL) {
		log_error("the list %s is not used: %s", path, why);
		return INCLUDE_REFUSED;
	}
	i->trusted = is_trusted(config, &st, &known);
	if (!known) {
		return INCLUDE_TEMPORARY;
	}
	size_t size = (size_t)st.st_size;
	i->text = malloc(size + 1);
	ssize_t n = i->text == NULL ? -1 : file_read_all(fd, i->text, size);
	if (n == -1) {
		free(i->text);
		i->text = NULL;
		return fail_temporarily(path);
	}
	i->len = (size_t)n;
	return INCLUDE_OK;
}

enum include_status
include_read(const struct config *config, const char *path, struct include *i)
{
	/* A FIFO must not block us, nor a link lead to a device. */
	int fd = open(
	    path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*i = (struct include){ .len = 0 };
	if (fd == -1 && errno == ELOOP) {
		log_error("the list %s is not used: a symbolic link", path);
		return INCLUDE_REFUSED;
	}
	if (fd == -1) {
		return fail_temporarily(path);
	}
	enum include_status result = read_open(config, path, fd, i);
	close(fd);
	return result;
}
