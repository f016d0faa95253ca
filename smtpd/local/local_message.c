/* SPDX-License-Identifier: ISC */
/* Runs with the rights of the queue's owner. */
#include "smtpd/local/local_message.h"

#include "common/io/file.h"

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
		n = file_read_some(
		    fd, data + have, len - have, at + (off_t)have);
		if (n == -1) {
			return -1;
		}
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* Reads more and more of the head until it is all there. */
static int
read_head(struct local_message *m)
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
		ssize_t n = read_at(m->fd, data, room, 0);
		if (n == -1) {
			free(data);
			return -1;
		}
		parsed = mail_parse(&m->mail, data, (size_t)n, &body);
		if (parsed == MAIL_SHORT &&
		    ((size_t)n < room || room > MAIL_HEAD)) {
			parsed = MAIL_DAMAGED;
		}
	}
	free(data);
	m->body = (off_t)body;
	errno = parsed == MAIL_NO_MEMORY ? ENOMEM : EINVAL;
	return parsed == MAIL_OK ? 0 : -1;
}

/* Removes the CR of each CR LF; *held: the last octet was a CR. */
static size_t
strip_cr(const char *from, size_t len, char *to, bool *held)
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
write_lf_body(const struct local_message *m, int out)
{
	char from[BUFFER], to[BUFFER + 1];
	off_t at = m->body, end = m->body + (off_t)m->mail.size, written = 0;
	bool held = false;

	while (at < end) {
		size_t want =
		    end - at < BUFFER ? (size_t)(end - at) : (size_t)BUFFER;
		if (file_read(m->fd, from, want, at) == -1) {
			return -1;
		}
		size_t n = strip_cr(from, want, to, &held);
		if (file_write(out, to, n, written) == -1) {
			return -1;
		}
		at += (off_t)want;
		written += (off_t)n;
	}
	return held ? file_write(out, "\r", 1, written) : 0;
}

int
local_message_open(struct local_message *m, int fd, const char *directory)
{
	struct stat st;

	memset(m, 0, sizeof(*m));
	m->fd = fd;
	m->text = -1;
	if (read_head(m) == -1) {
		return -1;
	}
	if (fstat(fd, &st) == -1 || m->mail.size > INT64_MAX ||
	    st.st_size - m->body != (off_t)m->mail.size) {
		mail_free(&m->mail);
		errno = EINVAL;
		return -1;
	}
	m->text = file_unnamed(directory);
	if (m->text == -1 || write_lf_body(m, m->text) == -1) {
		int saved = errno;
		local_message_close(m);
		errno = saved;
		return -1;
	}
	return 0;
}

void
local_message_close(struct local_message *m)
{
	if (m->text != -1) {
		close(m->text);
	}
	mail_free(&m->mail);
}

bool
local_message_has_line(const struct local_message *m, const char *line)
{
	char text[HEADER_LINE];
	int fd = fcntl(m->text, F_DUPFD_CLOEXEC, 0);
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
local_message_copy(
    const struct local_message *m, const char *line, const char *directory)
{
	char buffer[BUFFER];
	off_t at = m->body, end = m->body + (off_t)m->mail.size, written;
	int out = file_unnamed(directory);
	int n = snprintf(buffer, sizeof(buffer), "%s\r\n", line);
	bool ok =
	    out != -1 && n > 0 && file_write(out, buffer, (size_t)n, 0) == 0;

	for (written = n; ok && at < end;) {
		size_t want =
		    end - at < BUFFER ? (size_t)(end - at) : sizeof(buffer);
		ok = file_read(m->fd, buffer, want, at) == 0 &&
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
