/* SPDX-License-Identifier: ISC */
/*
 * Appends a message to an mbox under its lock.  A failure cuts the mailbox
 * back to the length it had; a tail that a crash of another program has left
 * torn is closed with an empty line first, so that it is never glued to this
 * message.
 */
#include "spool/append.h"

#include "common/io/file.h"
#include "spool/fingerprint.h"
#include "spool/flags.h"
#include "spool/foreign.h"
#include "spool/index.h"
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

struct appender {
	const struct hold *hold;
	struct stat before;    /* of the mailbox */
	struct message record; /* for the index */
	struct append_note note;
	bool durable; /* it outlives a power cut */
	bool begun;
	uint64_t wrote;        /* octets, of ours */
	bool body, line_start; /* of the message: what comes next */
	bool raw;              /* its header is not all ASCII */
	int error;             /* sticky */
	size_t len;
	char buffer[BUFFER];
	struct fingerprint print; /* of what a client will see */
};

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
		w->raw = w->raw || (data[i] & 0x80) != 0;
		w->body = data[i] == '\n' && w->line_start;
		w->line_start = data[i] == '\n';
	}
}

/* Counts what a client will see. */
static void
count(struct appender *w, const char *data, size_t len)
{
	watch_header(w, data, len);
	w->record.octets += len;
	for (const char *p = data;
	     (p = memchr(p, '\n', len - (size_t)(p - data))) != NULL; p++) {
		w->record.octets++;
	}
	fingerprint_add(&w->print, data, len);
}

/* Writes the From_ line, with the date in UTC, and Return-Path. */
static void
put_head(struct appender *w, const struct append *a)
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
	int line = snprintf(text, sizeof(text),
	    "From %s %.3s %.3s %2d %02d:%02d:%02d %d\n",
	    n > 0 ? from : "MAILER-DAEMON", days + 3 * tm.tm_wday,
	    months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, tm.tm_year + 1900);
	int path = snprintf(text + line, sizeof(text) - (size_t)line,
	    "Return-Path: <%s>\n", a->sender);
	size_t len = (size_t)line + (size_t)path;
	if (line < 0 || path < 0 || len >= sizeof(text)) {
		w->error = EINVAL;
		return;
	}
	w->record.start = w->before.st_size + (int64_t)w->len;
	w->record.text = w->record.start + line;
	put_octets(w, text, len);
	fingerprint_add(&w->print, text, (size_t)line - 1);
	w->record.from = fingerprint_end(&w->print);
	count(w, text + line, (size_t)path);
	if (a->flags_room) {
		put_octets(
		    w, FLAGS_ROOM, sizeof(FLAGS_ROOM) - 1); /* not shown */
	}
}

/* Copies the message, which has that size, encoded. */
static void
put_message(struct appender *w, int message, off_t size)
{
	static char buffer[BUFFER];
	struct mbox_encoder encoder = { .body = false };
	off_t at = 0;
	size_t held = 0;
	bool last = false;

	while (!last && w->error == 0) {
		ssize_t n = file_read_some(
		    message, buffer + held, sizeof(buffer) - held, at);
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

/* Adds a record of what was appended to the index. */
static void
index_it(struct appender *w)
{
	struct message *m = &w->record;
	int fd = w->hold->lock.fd;
	struct stat now;

	if (fstat(fd, &now) == -1) {
		return;
	}
	m->ascii = m->octets;
	m->print = fingerprint_end(&w->print);
	m->unknown = true; /* its id is made when somebody asks for UIDLs */
	m->next = now.st_size;
	m->end = now.st_size - 1;
	if (!w->raw || visible_measure(fd, m) == 0) {
		index_add(w->hold->directory, fd, &w->before, m);
	}
}

/* Cuts the mailbox back; the note goes when that has succeeded. */
static void
take_back(struct appender *w)
{
	if (ftruncate(w->hold->lock.fd, w->before.st_size) == 0 &&
	    fdatasync(w->hold->lock.fd) == 0) {
		(void)!append_note_end(&w->note);
	}
	append_note_leave(&w->note);
}

/*
 * True if the quota has room for all of it: nothing has been written yet.  The
 * line that ends it counts, and what quoting adds does not.
 */
static bool
fits(const struct appender *w, const struct append *a,
    const struct stat *message)
{
	uint64_t size = (uint64_t)w->before.st_size + w->len +
	                (uint64_t)message->st_size + 1;

	return a->quota == 0 || size <= a->quota;
}

static int
append_held(const struct append *a, const struct hold *h, struct appender *w)
{
	struct stat message;
	const char *like;
	int fd = h->lock.fd;

	w->hold = h;
	w->note.fd = -1;
	if (fstat(fd, &w->before) == -1 || fstat(a->message, &message) == -1 ||
	    lseek(fd, 0, SEEK_END) != w->before.st_size ||
	    foreign_look(fd, &like) == -1 ||
	    put_separator(w, w->before.st_size) == -1) {
		return -1;
	}
	w->durable = message.st_size >= LARGE;
	if (a->stored == NULL) {
		put_head(w, a);
	}
	if (!fits(w, a, &message)) {
		errno = EDQUOT;
		return -1;
	}
	if (a->stored != NULL) {
		put_stored(w, a->message, a->stored);
	} else {
		put_message(w, a->message, message.st_size);
	}
	flush(w);
	if (w->error == 0 &&
	    (fdatasync(fd) == -1 ||
		(w->before.st_size == 0 && sync_entry(&h->lock) == -1))) {
		w->error = errno;
	}
	/* Commit point: without the note the message counts as delivered. */
	if (w->error == 0 && append_note_end(&w->note) == -1) {
		w->error = errno;
	}
	if (w->error != 0) {
		take_back(w);
		errno = w->error;
		return -1;
	}
	if (a->stored == NULL) {
		index_it(w); /* else the next login looks at it */
	}
	return 0;
}

int
append_message(const struct append *a)
{
	static struct appender w; /* its pages are touched when used */
	struct hold h;

	memset(&w, 0, offsetof(struct appender, buffer));
	fingerprint_start(&w.print);
	if (store_take(&h, a->store, LOCK_TO_CREATE, a->timeout) == -1) {
		return -1;
	}
	int result = append_held(a, &h, &w);
	store_release(&h);
	return result;
}
