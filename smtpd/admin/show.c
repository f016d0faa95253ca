/* SPDX-License-Identifier: ISC */
/* smtpd --show: prints one file of the queue.  Runs as root. */
#include "smtpd/admin/view_private.h"

#include "common/log/log.h"
#include "common/text/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { PIECE = 16384, LONGEST = 4 }; /* octets of a character */

/* Writes text with "?" for control characters; returns the octets used. */
static size_t
put_clean(const char *data, size_t len, bool last)
{
	size_t at = 0, used;

	for (; at < len && (last || len - at >= LONGEST); at += used) {
		int32_t c = utf8_next(data + at, len - at, &used);
		if (c == '\n' || c == '\t' || (c != -1 && utf8_is_text(c))) {
			fwrite(data + at, 1, used, stdout);
		} else if (c != '\r' || at + 1 == len || data[at + 1] != '\n') {
			putchar('?');
		}
	}
	return at;
}

/* Copies to a file or pipe, and only turns CR LF into LF. */
static size_t
put_plain(const char *data, size_t len, bool last)
{
	size_t end = len > 0 && !last && data[len - 1] == '\r' ? len - 1 : len;

	for (size_t at = 0; at < end;) {
		const char *cr = memchr(data + at, '\r', end - at);
		size_t n = cr == NULL ? end - at : (size_t)(cr - data) - at;
		fwrite(data + at, 1, n, stdout);
		at += n;
		if (cr != NULL && (at + 1 >= len || data[at + 1] != '\n')) {
			putchar('\r');
		}
		at += cr != NULL;
	}
	return end;
}

enum form { FORM_RAW, FORM_MESSAGE }; /* a message gets LF for CR LF */

/* Octets of a file, from one place to another. */
static int
put_file(int fd, off_t at, off_t end, enum form form)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;
	char data[PIECE];

	while (at < end && !ferror(stdout)) {
		size_t want = end - at < PIECE ? (size_t)(end - at) : PIECE;
		ssize_t n = pread(fd, data, want, at);
		if (n <= 0) {
			return (int)n; /* it was cut meanwhile */
		}
		size_t len = (size_t)n;
		bool last = at + n == end;
		if (terminal) {
			len = put_clean(data, len, last);
		} else if (form == FORM_RAW) {
			fwrite(data, 1, len, stdout);
		} else {
			len = put_plain(data, len, last);
		}
		at += (off_t)len;
	}
	return ferror(stdout) ? -1 : 0;
}

static int
show_file(struct queue_file *f)
{
	char reason[QUEUE_REASON];

	/* The empty line after the head comes after the replies. */
	if (put_file(f->fd, 0, f->body - 1, FORM_RAW) == -1) {
		return -1;
	}
	for (size_t i = 0; i < f->mail.count; i++) {
		queue_reason(f, i, reason);
		if (reason[0] != '\0') {
			printf("reason: %zu ", i);
			put_clean(reason, strlen(reason), true);
			putchar('\n');
		}
	}
	putchar('\n');
	return put_file(
	    f->fd, f->body, f->body + (off_t)f->mail.size, FORM_MESSAGE);
}

static int
show_damaged(struct queue *q, enum queue_place place, const char *name)
{
	int fd = openat(q->places[place], name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int done = fd == -1 || fstat(fd, &st) == -1
	               ? -1
	               : put_file(fd, 0, st.st_size, FORM_RAW);
	int error = errno;

	if (fd != -1) {
		close(fd);
	}
	errno = error;
	return done;
}

bool
show_message(
    struct queue *q, enum queue_place place, const char *name, int *result)
{
	struct queue_file f;
	int done = -1;

	switch (queue_read(q, place, name, &f)) {
	case QUEUE_CLAIMED:
		done = show_file(&f);
		queue_release(&f);
		break;
	case QUEUE_GONE:
		if (place != QUEUE_CORRUPT ||
		    faccessat(q->places[place], name, F_OK,
			AT_SYMLINK_NOFOLLOW) == -1) {
			return false;
		}
		done = show_damaged(q, place, name);
		break;
	case QUEUE_DAMAGED:
	case QUEUE_LATER:
		done = show_damaged(q, place, name);
		break;
	case QUEUE_BUSY: /* reading needs no claim */
	case QUEUE_ERROR:
		break;
	}
	if (done == -1) {
		log_error("%s: %s", name, strerror(errno));
		*result = *result == EX_OK ? EX_IOERR : *result;
	}
	return true;
}
