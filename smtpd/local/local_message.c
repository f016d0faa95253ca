/* SPDX-License-Identifier: ISC */
/* Runs with the rights of the queue's owner. */
#include "smtpd/local/letter.h"

#include "common/io/unnamed.h"

#include "spool/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, HEADER_LINE = 1024 };

/* Reads at most len octets, less only at the end of the file. */
static ssize_t
read_at(int fd, char *data, size_t len, off_t at)
{
	size_t have = 0;
	ssize_t n = 1;

	while (have < len && n != 0) {
		n = pread(fd, data + have, len - have, at + (off_t)have);
		if (n == -1 && errno != EINTR) {
			return -1;
		}
		have += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)have;
}

/* Reads more and more of the head until it is all there. */
static int
read_head(struct letter *l)
{
	enum mail_parsed parsed = MAIL_SHORT;
	char *data = NULL;
	size_t body = 0;

	for (size_t room = BUFFER; parsed == MAIL_SHORT; room *= 4) {
		char *larger = realloc(data, room);
		if (larger == NULL) {
			parsed = MAIL_NO_MEMORY;
			break;
		}
		data = larger;
		ssize_t n = read_at(l->fd, data, room, 0);
		if (n == -1) {
			free(data);
			return -1;
		}
		parsed = mail_parse(&l->mail, data, (size_t)n, &body);
		if (parsed == MAIL_SHORT &&
		    ((size_t)n < room || room > MAIL_HEAD)) {
			parsed = MAIL_DAMAGED;
		}
	}
	free(data);
	l->body = (off_t)body;
	errno = parsed == MAIL_NO_MEMORY ? ENOMEM : EINVAL;
	return parsed == MAIL_OK ? 0 : -1;
}

/* Takes the CR from each CR LF; *held: a CR that nothing came behind yet. */
static size_t
strip(const char *from, size_t len, char *to, bool *held)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (*held && from[i] != '\n') {
			to[n++] = '\r';
		}
		*held = from[i] == '\r';
		if (!*held) {
			to[n++] = from[i];
		}
	}
	return n;
}

/* Writes the body with LF lines. */
static int
convert(const struct letter *l, int out)
{
	char from[BUFFER], to[BUFFER + 1];
	off_t at = l->body, end = l->body + (off_t)l->mail.size, written = 0;
	bool held = false;

	while (at < end) {
		size_t want =
		    end - at < BUFFER ? (size_t)(end - at) : (size_t)BUFFER;
		if (file_read(l->fd, from, want, at) == -1) {
			return -1;
		}
		size_t n = strip(from, want, to, &held);
		if (file_write(out, to, n, written) == -1) {
			return -1;
		}
		at += (off_t)want;
		written += (off_t)n;
	}
	return held ? file_write(out, "\r", 1, written) : 0;
}

int
letter_open(struct letter *l, int fd, const char *directory)
{
	struct stat st;

	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->text = -1;
	if (read_head(l) == -1) {
		return -1;
	}
	if (fstat(fd, &st) == -1 || l->mail.size > INT64_MAX ||
	    st.st_size - l->body != (off_t)l->mail.size) {
		mail_free(&l->mail);
		errno = EINVAL;
		return -1;
	}
	l->text = unnamed_file(directory);
	if (l->text == -1 || convert(l, l->text) == -1) {
		int saved = errno;
		letter_close(l);
		errno = saved;
		return -1;
	}
	return 0;
}

void
letter_close(struct letter *l)
{
	if (l->text != -1) {
		close(l->text);
	}
	mail_free(&l->mail);
}

bool
letter_has(const struct letter *l, const char *line)
{
	char text[HEADER_LINE];
	int fd = fcntl(l->text, F_DUPFD_CLOEXEC, 0);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "r");
	bool found = false, start = true;

	if (f == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return false;
	}
	rewind(f);
	while (!found && fgets(text, sizeof(text), f) != NULL &&
	       !(start && text[0] == '\n')) {
		size_t n = strcspn(text, "\n");
		bool whole = text[n] == '\n';
		text[n] = '\0';
		found = start && strcasecmp(text, line) == 0;
		start = whole;
	}
	fclose(f);
	return found;
}

int
letter_copy(const struct letter *l, const char *line, const char *directory)
{
	char buffer[BUFFER];
	off_t at = l->body, end = l->body + (off_t)l->mail.size, written;
	int out = unnamed_file(directory);
	int n = snprintf(buffer, sizeof(buffer), "%s\r\n", line);
	bool ok =
	    out != -1 && n > 0 && file_write(out, buffer, (size_t)n, 0) == 0;

	for (written = n; ok && at < end;) {
		size_t want =
		    end - at < BUFFER ? (size_t)(end - at) : sizeof(buffer);
		ok = file_read(l->fd, buffer, want, at) == 0 &&
		     file_write(out, buffer, want, written) == 0;
		at += (off_t)want;
		written += (off_t)want;
	}
	if (!ok && out != -1) {
		int saved = errno;
		close(out);
		errno = saved;
		return -1;
	}
	return out;
}
