/* SPDX-License-Identifier: ISC */
/*
 * The machine's secret: a file of random octets, which never changes.  May
 * run as root.
 */
#include "common/login/secret.h"

#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
read_file(const char *path, uint8_t secret[SECRET_SIZE])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1) {
		return false;
	}
	ssize_t n = read(fd, secret, SECRET_SIZE);
	close(fd);
	if (n >= 0 && n != SECRET_SIZE) {
		errno = EINVAL;
	}
	return n == SECRET_SIZE;
}

/* Writes the secret to a temporary file, whole and durable, then names it. */
static void
make_file(const char *directory, const char *path)
{
	char beside[PATH_MAX];
	uint8_t secret[SECRET_SIZE];

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >=
	    (int)sizeof(beside)) {
		errno = ENAMETOOLONG;
		return;
	}
	if (mkdir(directory, 0755) == 0) {
		(void)chmod(directory, 0755); /* as account_directory() does */
	}
	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd == -1) {
		return;
	}
	arc4random_buf(secret, sizeof(secret));
	bool good =
	    write(fd, secret, sizeof(secret)) == SECRET_SIZE && fsync(fd) == 0;
	explicit_bzero(secret, sizeof(secret));
	good = close(fd) == 0 && good;
	/* A process that comes second uses the first one's file; a failure
	 * shows when the file is read. */
	if (good && link(beside, path) == -1 && errno == EEXIST) {
		errno = 0;
	}
	int saved = errno;
	(void)unlink(beside);
	errno = saved;
}

void
secret_get(const struct config *config, uint8_t secret[SECRET_SIZE])
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/secret", config->state) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
	} else if (read_file(path, secret)) {
		return;
	} else if (errno == ENOENT) {
		make_file(config->state, path);
		if (read_file(path, secret)) {
			return;
		}
	}
	log_error("cannot store %s: %s; SCRAM replies may reveal which "
		  "users exist: type smtpd --check",
	    path, strerror(errno));
	memset(secret, 0, SECRET_SIZE);
}
