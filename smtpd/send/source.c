/* SPDX-License-Identifier: ISC */
/* Files that go into a message. */
#include "smtpd/send/source.h"

#include "common/io/file.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

int
source_scratch(void)
{
	/* /tmp comes last: it is often memory, and messages may be large. */
	const char *folders[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	int fd = -1;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (folders[i] != NULL && fd == -1) {
			fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC,
			    S_IRUSR | S_IWUSR);
		}
	}
	/* Of those that are left some are on file systems without it. */
	if (fd == -1) {
		fd = memfd_create("restante", MFD_CLOEXEC);
	}
	if (fd == -1) {
		log_error("cannot make a file in /var/tmp, set TMPDIR to a "
			  "folder where that is possible: %s",
		    strerror(errno));
	}
	return fd;
}

static int
write_all(int fd, const char *data, size_t len)
{
	if (file_append(fd, data, len) == -1) {
		log_error(
		    "cannot write to a temporary file: %s", strerror(errno));
		return EX_IOERR;
	}
	return EX_OK;
}

/* From the descriptor to the file of the source. */
static int
take_all(struct source *s, int from)
{
	char *block = malloc(BLOCK);
	int status = EX_OK;
	ssize_t n = -1;

	while (block != NULL && status == EX_OK) {
		n = file_next(from, block, BLOCK);
		if (n <= 0) {
			break;
		}
		status = write_all(s->fd, block, (size_t)n);
	}
	if (status == EX_OK && n == -1) {
		log_error("cannot read %s: %s", s->name, strerror(errno));
		status = EX_NOINPUT;
	}
	free(block);
	return status;
}

/* Records what a finished copy looks like. */
static int
settle_copy(struct source *s)
{
	if (fstat(s->fd, &s->before) == -1) {
		return EX_IOERR;
	}
	return source_rewind(s);
}

int
source_copy(struct source *s, int from, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->name = name;
	s->fd = source_scratch();
	if (s->fd == -1) {
		return EX_CANTCREAT;
	}
	int status = take_all(s, from);
	return status != EX_OK ? status : settle_copy(s);
}

int
source_open(struct source *s, const char *path)
{
	memset(s, 0, sizeof(*s));
	s->name = path;
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (s->fd == -1 || fstat(s->fd, &s->before) == -1) {
		log_error("cannot read %s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	if (S_ISFIFO(s->before.st_mode)) {
		struct source copy;
		int status = source_copy(&copy, s->fd, path);
		close(s->fd);
		*s = copy;
		return status;
	}
	if (!S_ISREG(s->before.st_mode)) {
		log_error("%s is not a file%s", path,
		    S_ISDIR(s->before.st_mode)
			? ": put the folder into an archive first"
			: "");
		return EX_NOINPUT;
	}
	return EX_OK;
}

int
source_add(struct source *s, const char *text)
{
	if (lseek(s->fd, 0, SEEK_END) == -1) {
		return EX_IOERR;
	}
	int status = write_all(s->fd, text, strlen(text));
	return status != EX_OK ? status : settle_copy(s);
}

ssize_t
source_read(struct source *s, char *data, size_t size)
{
	ssize_t n = file_next(s->fd, data, size);

	if (n == -1) {
		log_error("cannot read %s: %s", s->name, strerror(errno));
		return -1;
	}
	s->taken += n;
	return n;
}

int
source_check(const struct source *s)
{
	struct stat now;
	const struct stat *then = &s->before;

	/* Files of /proc seem to be empty, and are not. */
	if (fstat(s->fd, &now) == 0 && now.st_size == then->st_size &&
	    now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == then->st_mtim.tv_nsec &&
	    (s->taken == now.st_size || now.st_size == 0)) {
		return EX_OK;
	}
	log_error("%s changed while it was read, and nothing was sent: try "
		  "again, or attach a copy",
	    s->name);
	return EX_IOERR;
}

int
source_rewind(struct source *s)
{
	s->taken = 0;
	if (lseek(s->fd, 0, SEEK_SET) == -1) {
		log_error("cannot read %s: %s", s->name, strerror(errno));
		return EX_NOINPUT;
	}
	return EX_OK;
}

int
source_count(struct source *s, struct transfer_count *count)
{
	char *block = malloc(BLOCK);
	ssize_t n;

	memset(count, 0, sizeof(*count));
	if (block == NULL) {
		log_error("no memory left");
		return EX_OSERR;
	}
	while ((n = source_read(s, block, BLOCK)) > 0) {
		transfer_count(count, block, (size_t)n);
	}
	free(block);
	transfer_count_end(count);
	if (n != 0) {
		return EX_NOINPUT;
	}
	int status = source_check(s);
	return status != EX_OK ? status : source_rewind(s);
}

void
source_close(struct source *s)
{
	if (s->fd != -1) {
		close(s->fd);
	}
	s->fd = -1;
}
