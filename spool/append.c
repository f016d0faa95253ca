/* SPDX-License-Identifier: ISC */
/*
 * Appends messages to an mbox under its lock, and makes them durable together.
 * A failure cuts the mailbox back to the length it had; a tail that a crash of
 * another program has left torn is closed with an empty line first, so that it
 * is never glued to a message.
 */
#include "spool/append.h"

#include "common/io/file.h"
#include "spool/fingerprint.h"
#include "spool/flags.h"
#include "spool/foreign.h"
#include "spool/index.h"
#include "spool/journal.h"
#include "spool/append_note.h"
#include "spool/mbox.h"
#include "spool/store.h"
#include "spool/visible.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER = APPEND_NOTE_WRITE,
	TEXT = 1024,
	/* From here on a message may reach the disk in parts, and the syncs
	   of its note are small beside its own. */
	LARGE = 1024 * 1024,
};

/* One that is in the mailbox, for the index. */
struct appended {
	struct message record;
	bool raw; /* its header is not all ASCII */
};

struct appender {
	const struct hold *hold;
	struct stat before; /* of the mailbox */
	struct append_note note;
	bool durable;   /* the note outlives a power cut */
	bool begun;     /* it is written */
	uint64_t kept;  /* octets of whole messages, since before */
	uint64_t wrote; /* with those of the message under way */
	size_t count;   /* of whole messages */
	struct appended list[APPEND_MOST];
	/* The message under way: */
	struct appended now;
	bool body, line_start;    /* what comes next */
	int error;                /* sticky */
	struct fingerprint print; /* of what a client will see */
	size_t len;
	char buffer[BUFFER];
};

/* Where the message under way begins. */
static off_t
place(const struct appender *w)
{
	return w->before.st_size + (off_t)w->kept;
}

/*
 * Notes, before our first octet is written, what has to be cut off if we are
 * killed.  A directory that cannot be written to delays no mail.
 */
static void
note(struct appender *w)
{
	if (w->hold->directory != -1 &&
	    append_note_begin(&w->note, w->hold->directory, w->hold->lock.fd,
		w->before.st_size, w->buffer, w->len, w->durable) == -1) {
		w->error = errno;
	}
	w->begun = true;
}

static void
flush(struct appender *w)
{
	if (!w->begun) {
		note(w);
	} else if (w->wrote == w->kept) {
		append_note_next(&w->note, w->buffer, w->len);
	}
	if (w->error == 0 &&
	    file_append(w->hold->lock.fd, w->buffer, w->len) == -1) {
		w->error = errno;
	}
	if (w->error == 0) {
		w->wrote += w->len;
		append_note_wrote(&w->note, w->wrote, w->buffer, w->len);
	}
	w->len = 0;
}

static void
put_octets(void *context, const char *data, size_t len)
{
	struct appender *w = context;

	while (len > 0) {
		size_t room = BUFFER - w->len;
		size_t n = len < room ? len : room;
		memcpy(w->buffer + w->len, data, n);
		w->len += n;
		data += n;
		len -= n;
		if (w->len == BUFFER) {
			flush(w);
		}
	}
}

/* Looks for octets beyond ASCII in the header section. */
static void
watch_header(struct appender *w, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !w->body; i++) {
		w->now.raw = w->now.raw || (data[i] & 0x80) != 0;
		w->body = data[i] == '\n' && w->line_start;
		w->line_start = data[i] == '\n';
	}
}

/* Counts what a client will see. */
static void
count(struct appender *w, const char *data, size_t len)
{
	watch_header(w, data, len);
	w->now.record.octets += len;
	for (const char *p = data;
	     (p = memchr(p, '\n', len - (size_t)(p - data))) != NULL; p++) {
		w->now.record.octets++;
	}
	fingerprint_add(&w->print, data, len);
}

/* Writes the From_ line, with the date in UTC, and Return-Path. */
static void
put_head(struct appender *w, const struct append *a)
{
	char text[TEXT];

	size_t line = mbox_from_line(text, sizeof(text), a->sender, a->when);
	int path = snprintf(
	    text + line, sizeof(text) - line, "Return-Path: <%s>\n", a->sender);
	size_t len = line + (size_t)path;
	if (line == 0 || path < 0 || len >= sizeof(text)) {
		w->error = EINVAL;
		return;
	}
	w->now.record.start = place(w) + (int64_t)w->len;
	w->now.record.text = w->now.record.start + (int64_t)line;
	put_octets(w, text, len);
	fingerprint_add(&w->print, text, line - 1);
	w->now.record.from = fingerprint_end(&w->print);
	count(w, text + line, (size_t)path);
	if (a->flags_room) {
		put_octets(
		    w, FLAGS_ROOM, sizeof(FLAGS_ROOM) - 1); /* not shown */
	}
}

/* As file_read_some(), of a message in a file or in memory. */
static ssize_t
read_some(const struct append *a, char *buffer, size_t size, off_t at)
{
	if (a->text == NULL) {
		return file_read_some(a->message, buffer, size, at);
	}
	size_t left = a->len - (size_t)at;
	size_t n = left < size ? left : size;
	memcpy(buffer, a->text + at, n);
	return (ssize_t)n;
}

/* Copies the message, which has that size, encoded. */
static void
put_message(struct appender *w, const struct append *a, off_t size)
{
	static char buffer[BUFFER];
	struct mbox_encoder encoder = { .body = false };
	off_t at = 0;
	size_t held = 0;
	bool last = false;

	while (!last && w->error == 0) {
		ssize_t n =
		    read_some(a, buffer + held, sizeof(buffer) - held, at);
		if (n == -1) {
			w->error = errno;
			return;
		}
		count(w, buffer + held, (size_t)n);
		at += n;
		last = n == 0;
		if (at > size || (last && at < size)) {
			w->error = EIO; /* it changes under our hands */
			return;
		}
		held += (size_t)n;
		size_t taken =
		    mbox_encode(&encoder, buffer, held, last, put_octets, w);
		held -= taken;
		memmove(buffer, buffer + taken, held);
	}
	if (encoder.state != MBOX_LINE_START) {
		put_octets(w, "\n", 1);
		count(w, "\n", 1);
	}
	put_octets(w, "\n", 1);
}

/* Copies a message that is encoded already, and its empty line. */
static void
put_stored(struct appender *w, int file, const struct message *m)
{
	static char buffer[BUFFER];
	char last = '\n';

	for (int64_t at = m->start; at < m->end && w->error == 0;) {
		size_t n = m->end - at < BUFFER ? (size_t)(m->end - at)
		                                : (size_t)BUFFER;
		if (file_read(file, buffer, n, at) == -1) {
			w->error = errno;
			return;
		}
		put_octets(w, buffer, n);
		last = buffer[n - 1];
		at += (int64_t)n;
	}
	put_octets(w, "\n\n", last == '\n' ? 1 : 2);
}

/* Writes what a mailbox of this length lacks before the next From_ line. */
static int
put_separator(struct appender *w, off_t size)
{
	char tail[3] = { '\n', '\n', '\n' };
	off_t n = size < 3 ? size : 3;

	if (n > 0 && file_read(w->hold->lock.fd, tail + 3 - n, (size_t)n,
			 size - n) == -1) {
		return -1;
	}
	if (tail[2] != '\n') {
		put_octets(w, "\n\n", 2);
	} else if (tail[1] != '\n' && (tail[1] != '\r' || tail[0] != '\n')) {
		put_octets(w, "\n", 1);
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

/* Adds records of what was appended to the index. */
static void
index_them(const struct appender *w)
{
	struct message records[APPEND_MOST];
	int fd = w->hold->lock.fd;
	size_t n = 0;
	struct stat now;

	if (fstat(fd, &now) == -1 || now.st_size != place(w)) {
		return; /* somebody does not look at locks */
	}
	/* What cannot be described is left to the next login, and what follows
	   it, too. */
	while (n < w->count) {
		records[n] = w->list[n].record;
		if (w->list[n].raw && visible_measure(fd, &records[n]) == -1) {
			break;
		}
		n++;
	}
	if (n == w->count) {
		index_add(w->hold->directory, fd, &w->before, records, n);
	}
}

/*
 * Cuts the mailbox back to where it began; the note goes when that has
 * succeeded.
 */
static void
take_back(struct appender *w)
{
	int saved = errno;

	if (ftruncate(w->hold->lock.fd, w->before.st_size) == 0 &&
	    fdatasync(w->hold->lock.fd) == 0) {
		(void)!append_note_end(&w->note);
	}
	append_note_leave(&w->note);
	w->begun = false;
	w->kept = w->wrote = 0;
	w->count = 0;
	errno = saved;
}

/*
 * Cuts off what there is of the message under way, and leaves those before it;
 * if that fails nothing is left.  0 or -1.
 */
static int
drop(struct appender *w)
{
	char last[APPEND_NOTE_LAST];
	size_t len = w->kept < sizeof(last) ? (size_t)w->kept : sizeof(last);
	int fd = w->hold->lock.fd;

	if (w->kept == 0) {
		take_back(w);
		return 0;
	}
	if (w->wrote > w->kept) {
		if (file_read(fd, last, len, place(w) - (off_t)len) == -1) {
			take_back(w);
			return -1;
		}
		append_note_back(&w->note, w->kept, last, len);
	}
	/* A write that failed may have left some octets, too. */
	if (ftruncate(fd, place(w)) == -1) {
		take_back(w);
		return -1;
	}
	w->wrote = w->kept;
	return 0;
}

/*
 * True if the quota has room for all of it: nothing has been written yet.  The
 * line that ends it counts, and what quoting adds does not.
 */
static bool
fits(const struct appender *w, const struct append *a, off_t size)
{
	uint64_t all = (uint64_t)place(w) + w->len + (uint64_t)size + 1;

	return a->quota == 0 || all <= a->quota;
}

/* The size of a message, or -1. */
static off_t
size_of(const struct append *a)
{
	struct stat st;

	return a->text != NULL                ? (off_t)a->len
	       : fstat(a->message, &st) == -1 ? -1
	                                      : st.st_size;
}

static void
begin_message(struct appender *w)
{
	memset(&w->now, 0, sizeof(w->now));
	w->body = w->line_start = false;
	w->error = 0;
	w->len = 0;
	fingerprint_start(&w->print);
}

/* The message under way is whole. */
static void
keep(struct appender *w, bool listed)
{
	struct message *m = &w->now.record;

	w->kept = w->wrote;
	m->ascii = m->octets;
	m->print = fingerprint_end(&w->print);
	m->unknown = true; /* its id is made when somebody asks for UIDLs */
	m->next = place(w);
	m->end = m->next - 1;
	if (listed) {
		w->list[w->count++] = w->now;
	}
}

/* Writes one message; it is not durable yet.  0, or -1: drop() it. */
static int
append_one(struct appender *w, const struct append *a)
{
	off_t size = size_of(a);

	begin_message(w);
	if (size == -1) {
		return -1;
	}
	off_t end = lseek(w->hold->lock.fd, 0, SEEK_END);
	if (end != place(w)) {
		errno = end == -1 ? errno : EIO; /* it changes meanwhile */
		return -1;
	}
	if (put_separator(w, place(w)) == -1) {
		return -1;
	}
	if (a->stored == NULL) {
		put_head(w, a);
	}
	if (!fits(w, a, size)) {
		errno = EDQUOT;
		return -1;
	}
	if (a->stored != NULL) {
		put_stored(w, a->message, a->stored);
	} else {
		put_message(w, a, size);
	}
	flush(w);
	if (w->error != 0) {
		errno = w->error;
		return -1;
	}
	keep(w, a->stored == NULL); /* else the next login looks at it */
	return 0;
}

/* Makes all that was written durable.  0, or -1: nothing of it is left. */
static int
commit(struct appender *w)
{
	int fd = w->hold->lock.fd;

	if (fdatasync(fd) == -1 ||
	    (w->before.st_size == 0 && sync_entry(&w->hold->lock) == -1)) {
		take_back(w);
		return -1;
	}
	/* Commit point: without the note the messages count as delivered. */
	if (append_note_end(&w->note) == -1) {
		take_back(w);
		return -1;
	}
	return 0;
}

static void
append_held(
    struct appender *w, const struct append *list, size_t n, int *errors)
{
	bool stop = false;
	int lost = 0;

	for (size_t i = 0; i < n; i++) {
		w->durable = w->durable || size_of(&list[i]) >= LARGE;
	}
	for (size_t i = 0; i < n && lost == 0; i++) {
		if (stop) {
			errors[i] = ECANCELED;
			continue;
		}
		errors[i] = append_one(w, &list[i]) == 0 ? 0 : errno;
		if (errors[i] != 0 && drop(w) == -1) {
			lost = errno;
		}
		/* Stored messages keep their order. */
		stop = errors[i] != 0 && list[i].stored != NULL;
	}
	if (lost == 0 && w->kept > 0 && commit(w) == -1) {
		lost = errno;
	}
	for (size_t i = 0; i < n && lost != 0; i++) {
		errors[i] = lost;
	}
	if (w->count > 0) {
		index_them(w);
	}
}

int
append_messages(const struct append *list, size_t n, int *errors)
{
	static struct appender w; /* its pages are touched when used */
	const char *like;
	struct hold h;

	if (n == 0 || n > APPEND_MOST) {
		errno = EINVAL;
		return -1;
	}
	memset(&w, 0, offsetof(struct appender, list));
	w.note.fd = -1;
	if (store_take(&h, list->store, LOCK_TO_CREATE, list->timeout) == -1) {
		return -1;
	}
	journal_keep_spare(h.directory);
	w.hold = &h;
	int result = fstat(h.lock.fd, &w.before) == -1
	                 ? -1
	                 : foreign_look(h.lock.fd, &like);
	if (result == 0) {
		append_held(&w, list, n, errors);
	}
	store_release(&h);
	return result;
}

int
append_message(const struct append *a)
{
	int error;

	if (append_messages(a, 1, &error) == -1) {
		return -1;
	}
	errno = error;
	return error == 0 ? 0 : -1;
}
