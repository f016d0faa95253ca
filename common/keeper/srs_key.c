/* SPDX-License-Identifier: ISC */
/* May run as root: the folder is ours, but what lies there is checked. */
#include "common/keeper/srs_key.h"

#include "common/io/file.h"
#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DIGITS = 2 * SRS_KEY,
	ROOM = 2 * (DIGITS + 1) + 1, /* two lines, and one octet too much */
	TRIES = 100,
	PAUSE = 10 * 1000, /* microseconds between them */
};

static const char name[] = "srs.key";

static int
hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Reads one or two lines; false: they are none of ours. */
static bool
parse(const char *text, size_t len, struct srs_keys *keys)
{
	size_t lines = (len + 1) / (DIGITS + 1);

	if (lines < 1 || lines > 2 || lines * (DIGITS + 1) - len > 1) {
		return false;
	}
	for (size_t i = 0; i < lines; i++) {
		const char *line = text + i * (DIGITS + 1);
		for (size_t n = 0; n < SRS_KEY; n++) {
			int high = hex(line[2 * n]), low = hex(line[2 * n + 1]);
			if (high == -1 || low == -1) {
				return false;
			}
			keys->keys[i][n] = (uint8_t)(high << 4 | low);
		}
		if (i * (DIGITS + 1) + DIGITS < len && line[DIGITS] != '\n') {
			return false;
		}
	}
	keys->count = lines;
	return true;
}

static int
read_open(int fd, const struct stat *st, struct srs_keys *keys)
{
	char text[ROOM];

	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0 ||
	    (st->st_uid != 0 && st->st_uid != geteuid())) {
		errno = EPERM;
		return -1;
	}
	ssize_t n = file_read_all(fd, text, sizeof(text));
	bool good = n != -1 && parse(text, (size_t)n, keys);
	explicit_bzero(text, sizeof(text));
	if (!good && n != -1) {
		errno = EINVAL;
	}
	return good ? 0 : -1;
}

int
srs_key_read(const struct config *config, struct srs_keys *keys)
{
	char path[PATH_MAX];
	struct stat st;

	memset(keys, 0, sizeof(*keys));
	if (statefile_path(config, name, "", path) == -1) {
		return -1;
	}
	int fd = statefile_open(path, O_RDONLY, &st);
	if (fd == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = read_open(fd, &st, keys);
	int error = errno;
	close(fd);
	if (result == -1) {
		explicit_bzero(keys, sizeof(*keys));
	}
	errno = error;
	return result;
}

/* Writes a new key into the file, which becomes that of the name. */
static int
write_new(const struct config *config, int fd, const char *from, const char *to)
{
	uint8_t key[SRS_KEY];
	char text[DIGITS + 2];

	arc4random_buf(key, sizeof(key));
	for (size_t i = 0; i < SRS_KEY; i++) {
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	}
	text[DIGITS] = '\n';
	int result = ftruncate(fd, 0) == -1 ||
	                     file_write(fd, text, DIGITS + 1, 0) == -1 ||
	                     fsync(fd) == -1 || rename(from, to) == -1
	                 ? -1
	                 : 0;
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	int folder = result == -1 ? -1
	                          : open(config->state,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder != -1) {
		result = fsync(folder);
		close(folder);
	}
	return result;
}

/*
 * Under the lock on the file that is to be it.  Nobody removes that, so that
 * all who find no key wait for the same lock; what somebody has left who died
 * is written again.
 */
static int
make_locked(const struct config *config, struct srs_keys *keys, int fd,
    const char *from, const char *to)
{
	if (statefile_lock(fd, F_WRLCK, 0, 1, TRIES, PAUSE) == -1 ||
	    srs_key_read(config, keys) == -1) {
		return -1;
	}
	if (keys->count != 0) {
		return 0; /* somebody was faster */
	}
	if (write_new(config, fd, from, to) == -1) {
		return -1;
	}
	return srs_key_read(config, keys);
}

int
srs_key_make(const struct config *config, struct srs_keys *keys)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;

	if (srs_key_read(config, keys) == -1) {
		return -1;
	}
	if (keys->count != 0) {
		return 0;
	}
	if (statefile_path(config, name, ".new", from) == -1 ||
	    statefile_path(config, name, "", to) == -1) {
		return -1;
	}
	statefile_folder(config);
	int fd = statefile_open(from, O_RDWR | O_CREAT, &st);
	if (fd == -1) {
		return -1;
	}
	int result = st.st_nlink > 1 || st.st_uid != geteuid()
	                 ? (errno = EPERM, -1)
	                 : make_locked(config, keys, fd, from, to);
	int error = errno;
	close(fd);
	errno = error;
	return result;
}
