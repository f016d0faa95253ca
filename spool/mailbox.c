/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes as POP3 sees them.  Reading takes the lock for one window of the
 * file at a time, and trusts an offset only if the file is as it was, or if
 * the message still stands there between two From_ lines; else the file is
 * scanned again and messages are found by their digests.
 */
#include "spool/mailbox.h"

#include "spool/lock.h"
#include "spool/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 1024 * 1024, READ_TIMEOUT = 20000 };

struct mailbox {
	char path[PATH_MAX];
	struct message *list;
	size_t count;
	size_t hidden;    /* 1 when the first one is c-client's, else 0 */
	struct stat seen; /* when the offsets were last right */
	off_t window_at;
	size_t window_len;
	char window[WINDOW];
};

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int
open_locked(struct mailbox *m, int fd)
{
	if (fstat(fd, &m->seen) == -1) {
		return -1;
	}
	if (scan_mailbox(fd, &m->list, &m->count) == -1) {
		return -1;
	}
	m->hidden = m->count > 0 && m->list[0].pseudo;
	return 0;
}

int
mailbox_open(struct mailbox **out, const char *path, int timeout)
{
	struct mailbox *m = malloc(sizeof(*m));
	struct lock lock;
	int result = 0;

	if (m == NULL) {
		return -1;
	}
	memset(m, 0, offsetof(struct mailbox, window));
	if (strlcpy(m->path, path, sizeof(m->path)) >= sizeof(m->path)) {
		errno = ENAMETOOLONG;
		result = -1;
	} else if (lock_take(&lock, path, LOCK_READ, timeout) == 0) {
		result = open_locked(m, lock.fd);
		int saved = errno;
		lock_release(&lock);
		errno = saved;
	} else if (errno != ENOENT) {
		result = -1;
	}
	if (result == -1) {
		int saved = errno;
		mailbox_close(m);
		errno = saved;
		return -1;
	}
	*out = m;
	return 0;
}

void
mailbox_close(struct mailbox *m)
{
	if (m != NULL) {
		free(m->list);
		free(m);
	}
}

size_t
mailbox_count(const struct mailbox *m)
{
	return m->count - m->hidden;
}

const struct message *
mailbox_message(const struct mailbox *m, size_t index)
{
	return &m->list[index + m->hidden];
}

void
mailbox_uidl(const struct message *msg, char uidl[MAILBOX_UIDL + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(msg->id); i++, n += 2) {
		snprintf(uidl + n, MAILBOX_UIDL + 1 - n, "%02x", msg->id[i]);
	}
	if (msg->copy > 0) {
		snprintf(
		    uidl + n, MAILBOX_UIDL + 1 - n, ".%u", (unsigned)msg->copy);
	}
}

/* ---- finding messages again ---- */

static int
by_identity(const void *a, const void *b)
{
	const struct message *x = a, *y = b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c != 0 ? c : x->copy < y->copy ? -1 : x->copy > y->copy;
}

/* Scans the file anew and moves the offsets of our messages; gone: -1. */
static int
resync(struct mailbox *m, int fd)
{
	struct message *list;
	size_t count;

	if (fstat(fd, &m->seen) == -1 ||
	    scan_mailbox(fd, &list, &count) == -1) {
		return -1;
	}
	if (count > 0) {
		qsort(list, count, sizeof(*list), by_identity);
	}
	for (size_t i = 0; i < m->count; i++) {
		struct message *ours = &m->list[i];
		const struct message *now =
		    count == 0 ? NULL
			       : bsearch(ours, list, count, sizeof(*list),
				     by_identity);
		if (now == NULL) {
			ours->start = -1;
			continue;
		}
		ours->start = now->start;
		ours->text = now->text;
		ours->end = now->end;
		ours->next = now->next;
	}
	free(list);
	m->window_len = 0;
	return 0;
}

static bool
from_at(int fd, off_t at)
{
	char text[5];

	return pread(fd, text, sizeof(text), at) == sizeof(text) &&
	       memcmp(text, "From ", sizeof(text)) == 0;
}

/* Whether the message still stands where it was. */
static bool
in_place(int fd, const struct message *msg, off_t size)
{
	char before;

	return msg->start >= 0 && from_at(fd, msg->start) &&
	       pread(fd, &before, 1, msg->text - 1) == 1 && before == '\n' &&
	       (msg->next == size || from_at(fd, msg->next));
}

/* Makes the window begin at offset at of the message, read under the lock. */
static int
fill_locked(struct mailbox *m, int fd, struct message *msg, off_t at)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		return -1;
	}
	if (!same(&st, &m->seen) && !in_place(fd, msg, st.st_size) &&
	    resync(m, fd) == -1) {
		return -1;
	}
	if (msg->start < 0) {
		errno = ESTALE;
		return -1;
	}
	m->window_at = msg->text + at;
	ssize_t n = pread(fd, m->window, WINDOW, m->window_at);
	m->window_len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -1 : 0;
}

/*
 * The bytes of the message from offset at: all the rest, or as many as the
 * window holds.
 */
static int
window(struct mailbox *m, struct message *msg, off_t at, const char **data,
    size_t *len)
{
	off_t rest = msg->end - msg->text - at;
	off_t from = msg->text + at - m->window_at;
	struct lock lock;

	if (from < 0 || from + rest > (off_t)m->window_len) {
		if (lock_take(&lock, m->path, LOCK_READ, READ_TIMEOUT) == -1) {
			errno = errno == ENOENT ? ESTALE : errno;
			return -1;
		}
		int result = fill_locked(m, lock.fd, msg, at);
		int saved = errno;
		lock_release(&lock);
		errno = saved;
		if (result == -1) {
			return -1;
		}
		from = 0;
	}
	size_t there = m->window_len - (size_t)from;
	*data = m->window + from;
	*len = (off_t)there < rest ? there : (size_t)rest;
	return 0;
}

int
mailbox_read(struct mailbox *m, size_t index, mailbox_line *give, void *context)
{
	struct message *msg = &m->list[index + m->hidden];
	struct mbox_decoder decoder = { .body = false };
	struct mbox_line line;
	off_t at = 0;
	bool begins = true;
	const char *data;
	size_t len;

	while (at < msg->end - msg->text) {
		if (window(m, msg, at, &data, &len) == -1) {
			return -1;
		}
		bool last = at + (off_t)len >= msg->end - msg->text;
		size_t done = 0;
		while (mbox_next_line(data + done, len - done, last,
		    done > 0 || len < WINDOW, begins, &line)) {
			size_t size = line.size;
			begins = line.ends;
			if (mbox_decode(&decoder, &line) &&
			    !give(context, &line)) {
				return 0;
			}
			done += size;
		}
		if (done == 0) {
			errno = ESTALE; /* cut short behind our back */
			return -1;
		}
		at += (off_t)done;
	}
	return 0;
}

/* ---- expunging ---- */

struct hole {
	off_t start, end;
};

static int
by_start(const void *a, const void *b)
{
	const struct hole *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Moves [from, from + len) down to offset to. */
static int
move(int fd, char *buffer, off_t from, off_t len, off_t to)
{
	while (len > 0) {
		size_t want = len < WINDOW ? (size_t)len : WINDOW;
		ssize_t n = pread(fd, buffer, want, from);
		if (n == -1 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		for (ssize_t done = 0; done < n;) {
			ssize_t k = pwrite(
			    fd, buffer + done, (size_t)(n - done), to + done);
			if (k == -1 && errno != EINTR) {
				return -1;
			}
			done += k > 0 ? k : 0;
		}
		from += n;
		to += n;
		len -= n;
	}
	return 0;
}

static int
close_holes(struct mailbox *m, const struct lock *lock, struct hole *holes,
    size_t n, off_t size)
{
	off_t to = holes[0].start;

	for (size_t i = 0; i < n; i++) {
		off_t end = i + 1 < n ? holes[i + 1].start : size;
		off_t len = end - holes[i].end;
		if (move(lock->fd, m->window, holes[i].end, len, to) == -1) {
			return -1;
		}
		to += len;
		lock_touch(lock);
	}
	m->window_len = 0;
	/* Commit point: the messages are gone once fsync() has succeeded. */
	return ftruncate(lock->fd, to) == -1 || fsync(lock->fd) == -1 ? -1 : 0;
}

static int
expunge_locked(struct mailbox *m, const struct lock *lock, const bool *deleted)
{
	struct stat st;
	size_t n = 0;

	if (fstat(lock->fd, &st) == -1 ||
	    (!same(&st, &m->seen) && resync(m, lock->fd) == -1)) {
		return -1;
	}
	struct hole *holes = calloc(m->count, sizeof(*holes));
	if (holes == NULL) {
		return -1;
	}
	for (size_t i = m->hidden; i < m->count; i++) {
		if (deleted[i - m->hidden] && m->list[i].start >= 0) {
			holes[n++] =
			    (struct hole){ m->list[i].start, m->list[i].next };
		}
	}
	qsort(holes, n, sizeof(*holes), by_start);
	int result = n == 0 ? 0 : close_holes(m, lock, holes, n, st.st_size);
	int saved = errno;
	free(holes);
	errno = saved;
	return result;
}

int
mailbox_expunge(struct mailbox *m, const bool *deleted, int timeout)
{
	struct lock lock;

	if (m->count == 0) {
		return 0;
	}
	if (lock_take(&lock, m->path, LOCK_WRITE, timeout) == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = expunge_locked(m, &lock, deleted);
	int saved = errno;
	lock_release(&lock);
	errno = saved;
	return result;
}
