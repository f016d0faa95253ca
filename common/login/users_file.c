/* SPDX-License-Identifier: ISC */
/* Reads the users file; see restante-users(5). */
#include "common/login/users.h"

#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE = USER_NAME + USER_LABEL + USER_CREDENTIALS + USER_NAME +
	       USER_TERMS + 8
};

struct users_file {
	int fd;
	uint64_t line_at, next_at; /* in the file */
	size_t at, len;
	char line[LINE];
	char buffer[16 * 1024];
};

struct users_file *
users_open(const char *path)
{
	struct users_file *f = malloc(sizeof(*f));

	if (f == NULL) {
		return NULL;
	}
	f->at = f->len = 0;
	f->line_at = f->next_at = 0;
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd == -1) {
		int saved = errno;
		free(f);
		errno = saved;
		return NULL;
	}
	return f;
}

void
users_close(struct users_file *f)
{
	close(f->fd);
	explicit_bzero(f, sizeof(*f));
	free(f);
}

int
users_stat(const struct users_file *f, struct stat *st)
{
	return fstat(f->fd, st);
}

uint64_t
users_line_at(const struct users_file *f)
{
	return f->line_at;
}

int
users_seek(struct users_file *f, uint64_t line)
{
	f->at = f->len = 0;
	f->next_at = line;
	return lseek(f->fd, (off_t)line, SEEK_SET) == -1 ? -1 : 0;
}

uint64_t
users_line_end(const struct users_file *f)
{
	return f->next_at;
}

int
users_copy(const struct users_file *f, uint64_t from, uint64_t to, int fd)
{
	char octets[sizeof(f->buffer)];
	char last = '\n';
	int rc = 0;

	while (rc == 0 && from < to) {
		size_t n = to - from < sizeof(octets) ? (size_t)(to - from)
		                                      : sizeof(octets);
		rc = file_read(f->fd, octets, n, (off_t)from);
		rc = rc == 0 ? file_append(fd, octets, n) : rc;
		last = octets[n - 1];
		from += n;
	}
	explicit_bzero(octets, sizeof(octets));
	return rc == 0 && last != '\n' ? file_append(fd, "\n", 1) : rc;
}

/* The next octet; -1 at the end, -2 on an error. */
static int
octet(struct users_file *f)
{
	if (f->at == f->len) {
		ssize_t n = file_next(f->fd, f->buffer, sizeof(f->buffer));
		if (n <= 0) {
			return n == 0 ? -1 : -2;
		}
		f->at = 0;
		f->len = (size_t)n;
	}
	f->next_at++;
	return (unsigned char)f->buffer[f->at++];
}

bool
users_label(const char *label)
{
	size_t n = strlen(label);

	return n > 0 && n <= USER_LABEL &&
	       strspn(label,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789._+-=") == n;
}

/* name[/label]:credentials[:owner[:terms]] */
static enum user_line_kind
cut(char *line, struct user_line *u)
{
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#') {
		return USER_LINE_EMPTY;
	}
	u->label = strsep(&line, ":");
	u->credentials = strsep(&line, ":");
	u->owner = strsep(&line, ":");
	u->terms = strsep(&line, ":");
	u->name = strsep(&u->label, "/");
	if (u->credentials == NULL ||
	    (u->label != NULL && !users_label(u->label))) {
		return USER_LINE_BAD;
	}
	char *nothing = u->credentials + strlen(u->credentials);
	u->label = u->label == NULL ? nothing : u->label;
	u->owner = u->owner == NULL ? nothing : u->owner;
	u->terms = u->terms == NULL ? nothing : u->terms;
	size_t n = strlen(u->name);
	return n == 0 || n > USER_NAME || strlen(u->owner) > USER_NAME ||
	               strlen(u->credentials) >= USER_CREDENTIALS
	           ? USER_LINE_BAD
	           : USER_LINE_USER;
}

enum user_line_kind
users_next(struct users_file *f, struct user_line *u)
{
	size_t n = 0;
	bool fits = true;
	int c;

	f->line_at = f->next_at;
	while ((c = octet(f)) >= 0 && c != '\n') {
		fits = fits && n < LINE - 1 && c != '\0';
		if (fits) {
			f->line[n++] = (char)c;
		}
	}
	if (c < 0 && n == 0) {
		return c == -1 ? USER_LINE_END : USER_LINE_ERROR;
	}
	n -= n > 0 && f->line[n - 1] == '\r';
	f->line[n] = '\0';
	return fits ? cut(f->line, u) : USER_LINE_BAD;
}
