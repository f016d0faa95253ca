/* SPDX-License-Identifier: ISC */
/*
 * Appends a message to an mbox under its lock.  Any failure that we live to
 * see cuts the mailbox back to the length it had; a tail that somebody else's
 * crash left torn is closed with an empty line first, so that it is never
 * glued to this message.
 */
#include "spool/append.h"

#include "spool/lock.h"
#include "spool/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, TEXT = 1024 };

struct writer {
	int fd;
	int error; /* sticky */
	size_t len;
	char buffer[BUFFER];
};

static void
write_all(struct writer *w, const char *data, size_t len)
{
	while (len > 0 && w->error == 0) {
		ssize_t n = write(w->fd, data, len);
		if (n == -1 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			w->error = n == 0 ? EIO : errno;
			return;
		}
		data += n;
		len -= (size_t)n;
	}
}

static void
flush(struct writer *w)
{
	write_all(w, w->buffer, w->len);
	w->len = 0;
}

static void
put(void *context, const char *data, size_t len)
{
	struct writer *w = context;

	if (len > BUFFER - w->len) {
		flush(w);
	}
	if (len > BUFFER) {
		write_all(w, data, len);
		return;
	}
	memcpy(w->buffer + w->len, data, len);
	w->len += len;
}

/* The From_ line and Return-Path; the date is UTC and asctime(3)'s form. */
static void
put_head(struct writer *w, const struct append *a)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[TEXT], from[TEXT / 2];
	struct tm tm = { .tm_mday = 1 };
	size_t n = 0;

	/* One word: the sender ends at a blank when others read the line. */
	for (const char *p = a->sender; *p != '\0' && n < sizeof(from) - 1;
	     p++) {
		from[n++] = *p > ' ' && *p < 0x7f ? *p : '_';
	}
	from[n] = '\0';
	gmtime_r(&a->when, &tm);
	int len = snprintf(text, sizeof(text),
	    "From %s %.3s %.3s %2d %02d:%02d:%02d %d\nReturn-Path: <%s>\n",
	    n > 0 ? from : "MAILER-DAEMON", days + 3 * tm.tm_wday,
	    months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, tm.tm_year + 1900, a->sender);
	if (len < 0 || (size_t)len >= sizeof(text)) {
		w->error = EINVAL;
		return;
	}
	put(w, text, (size_t)len);
}

/* Copies the message, encoded. */
static void
put_message(struct writer *w, int message)
{
	static char buffer[BUFFER];
	struct mbox_encoder encoder = { .body = false };
	off_t at = 0;
	size_t held = 0;
	bool last = false;

	while (!last && w->error == 0) {
		ssize_t n =
		    pread(message, buffer + held, sizeof(buffer) - held, at);
		if (n == -1 && errno == EINTR) {
			continue;
		}
		if (n == -1) {
			w->error = errno;
			return;
		}
		at += n;
		last = n == 0;
		held += (size_t)n;
		size_t taken =
		    mbox_encode(&encoder, buffer, held, last, put, w);
		held -= taken;
		memmove(buffer, buffer + taken, held);
	}
	if (encoder.state != MBOX_LINE_START) {
		put(w, "\n", 1);
	}
	put(w, "\n", 1);
}

/* What must follow a mailbox of this length so that a From_ line may. */
static int
put_separator(struct writer *w, off_t size)
{
	char tail[3] = { '\n', '\n', '\n' };
	off_t n = size < 3 ? size : 3;

	if (n > 0 && pread(w->fd, tail + 3 - n, (size_t)n, size - n) != n) {
		return -1;
	}
	if (tail[2] != '\n') {
		put(w, "\n\n", 2);
	} else if (tail[1] != '\n' && (tail[1] != '\r' || tail[0] != '\n')) {
		put(w, "\n", 1);
	}
	return 0;
}

/* A mailbox that may be new must be found again after a power cut. */
static int
sync_entry(const struct lock *lock)
{
	int fd =
	    openat(lock->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1) {
		return fsync(lock->fd); /* we may not read the directory */
	}
	int result = fsync(fd);
	int saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int
append_locked(const struct append *a, const struct lock *lock)
{
	int fd = lock->fd;
	static struct writer w; /* its pages are touched when used */
	struct stat st;

	w.fd = fd;
	w.error = 0;
	w.len = 0;
	if (fstat(fd, &st) == -1 || lseek(fd, 0, SEEK_END) != st.st_size ||
	    put_separator(&w, st.st_size) == -1) {
		return -1;
	}
	put_head(&w, a);
	put_message(&w, a->message);
	flush(&w);
	/* Commit point: once this has returned 0 the message is delivered. */
	if (w.error == 0 && (fdatasync(fd) == -1 ||
				(st.st_size == 0 && sync_entry(lock) == -1))) {
		w.error = errno;
	}
	if (w.error != 0) {
		if (ftruncate(fd, st.st_size) == 0) {
			(void)fdatasync(fd);
		}
		errno = w.error;
		return -1;
	}
	return 0;
}

int
append_message(const struct append *a)
{
	struct lock lock;

	if (lock_take(&lock, a->path, LOCK_CREATE, a->timeout) == -1) {
		return -1;
	}
	int result = append_locked(a, &lock);
	int saved = errno;
	lock_release(&lock);
	errno = saved;
	return result;
}
