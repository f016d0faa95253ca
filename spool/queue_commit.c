/* SPDX-License-Identifier: ISC */
/*
 * Puts a message into the queue.  The file has no name until all of it is
 * written, so that a killed process leaves none behind; then one that is
 * ignored, until all of it is on the disk; and then its own: nobody ever sees a
 * part of one.
 */
#include "common/log/log.h"
#include "common/io/file.h"
#include "common/io/file_writer.h"
#include "spool/queue_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, UNFINISHED_NAME = MAIL_ID + 24 };

struct body_writer {
	struct file_writer file;
	char input[BUFFER];
};

/* Writes lines that end in LF with CRLF. */
static void
put_lines(struct file_writer *w, const char *data, size_t len)
{
	while (len > 0) {
		const char *lf = memchr(data, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - data);
		file_writer_put(w, data, n);
		if (lf != NULL) {
			file_writer_put(w, "\r\n", 2);
			n++;
		}
		data += n;
		len -= n;
	}
}

/* Reads the next piece of the body into w->input; 0 at its end, -1 with errno.
 */
static ssize_t
take_body(struct body_writer *w, const struct queue_body *body, off_t done)
{
	size_t want = BUFFER;

	if (body->part && body->length - done < BUFFER) {
		want = (size_t)(body->length - done);
	}
	if (want == 0) {
		return 0;
	}
	ssize_t n = file_read_some(body->fd, w->input, want, body->from + done);
	if (n != -1 &&
	    (n == 0 ? done < body->length : n > body->length - done)) {
		errno = EIO; /* it is not as long as was said */
		return -1;
	}
	return n;
}

static void
put_body(struct body_writer *w, const struct queue_body *body)
{
	off_t done = 0;
	char last = '\n';

	while (w->file.error == 0) {
		ssize_t n = take_body(w, body, done);
		if (n == -1) {
			w->file.error = errno;
		}
		if (n <= 0) {
			break;
		}
		if (body->wire) {
			file_writer_put(&w->file, w->input, (size_t)n);
		} else {
			put_lines(&w->file, w->input, (size_t)n);
		}
		last = w->input[n - 1];
		done += n;
	}
	if (last != '\n') {
		file_writer_put(&w->file, "\r\n", 2);
	}
}

/* What a body has now that is to be taken to its end: it must not change. */
static int
find_length(struct queue_body *body)
{
	struct stat st;

	if (body->length != -1) {
		return 0;
	}
	if (fstat(body->fd, &st) == -1) {
		return -1;
	}
	body->length = st.st_size > body->from ? st.st_size - body->from : 0;
	return 0;
}

/* Writes head and body. */
static int
write_file(int fd, struct mail *m, const struct queue_body *body)
{
	static struct body_writer w; /* its pages are touched when used */
	size_t len;

	m->size = 0;
	char *head = mail_head(m, &len);
	if (head == NULL) {
		return -1;
	}
	struct queue_body told = *body;
	file_writer_begin(&w.file, fd, (off_t)len);
	int result = find_length(&told);
	if (result == 0) {
		put_body(&w, &told);
		result = file_writer_end(&w.file);
		m->size = (uint64_t)(w.file.at - (off_t)len);
	}
	if (result == 0) {
		result = mail_head_size(head, len, m->size);
	}
	if (result == 0) {
		result = file_write(fd, head, len, 0);
	}
	int saved = errno;
	free(head);
	errno = saved;
	return result;
}

/*
 * Gives a file without a name one: through /proc, or, where that is not
 * mounted, by the descriptor, for which some kernels want a capability.
 * ENOENT: it can be done neither way.
 */
static int
link_file(int active, int fd, const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int result = linkat(AT_FDCWD, path, active, id, AT_SYMLINK_FOLLOW);
	return result == -1 && errno == ENOENT
	           ? linkat(fd, "", active, id, AT_EMPTY_PATH)
	           : result;
}

/*
 * Syncs the finished file, locks it, so that nobody claims it yet, and gives it
 * its name.  It has one while it is synced, since fsync(2) of a file that has
 * none keeps nothing on btrfs.
 */
static int
name_file(int active, int place, int fd, const char *unfinished, const char *id)
{
	return fsync(fd) == -1 || queue_lock(fd) == -1
	           ? -1
	           : queue_rename(active, unfinished, place, id);
}

/* Gives the finished file its name in a place and closes it. */
static int
publish(int active, int place, int fd, const char *unfinished, const char *id)
{
	if (name_file(active, place, fd, unfinished, id) == -1) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	/* Commit point: from here on a power cut leaves the message. */
	if (fsync(place) == -1) {
		int saved = errno;
		unlinkat(place, id, 0);
		close(fd);
		errno = saved;
		return -1;
	}
	if (close(fd) == -1) {
		int saved = errno;
		unlinkat(place, id, 0);
		errno = saved;
		return -1;
	}
	/* A runner that found it locked looks at the folder again. */
	(void)!futimens(place, NULL);
	return 0;
}

/*
 * Opens a file without a name, or, where that fails or may not be, one that is
 * ignored.  Its name is this process's alone: one that a killed process has
 * left must not be taken for the message (EEXIST).
 */
static int
open_unfinished(struct queue *q, const char *name, bool *nameless)
{
	int active = q->places[QUEUE_ACTIVE];
	int fd = -1;

	if (*nameless) {
		fd = openat(active, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR)) {
			return fd;
		}
	}
	*nameless = false;
	fd = openat(active, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	errno = fd == -1 && errno == EEXIST ? EAGAIN : errno;
	return fd;
}

/* True if there is a message with that id outside of active/. */
static bool
is_elsewhere(const struct queue *q, const char *id)
{
	return faccessat(q->places[QUEUE_DEFERRED], id, F_OK, 0) == 0 ||
	       faccessat(q->places[QUEUE_HOLD], id, F_OK, 0) == 0;
}

/* Syncs a message of the queue and its folder; false: errno. */
static bool
sync_message(int folder, const char *id)
{
	int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1) {
		return errno == ENOENT;
	}
	bool ok = fsync(fd) == 0 && fsync(folder) == 0;
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

/*
 * There is a message with that id.  Callers take that for their own commit, but
 * the process that named the file may have been killed before it synced: so it
 * is synced first.  Answers -1 with errno, EEXIST if all is well.
 */
static int
take_existing(const struct queue *q, const char *id)
{
	for (int i = 0; i < QUEUE_PLACES; i++) {
		if (!sync_message(q->places[i], id)) {
			return -1;
		}
	}
	errno = EEXIST;
	return -1;
}

void
queue_log_taken(const struct mail *m, const char *how)
{
	char from[ADDRESS_TEXT];

	log_info_as("qmgr", "%s: from=<%s>, size=%llu, nrcpt=%zu (%s)", m->id,
	    log_path(m->sender, from, sizeof(from)),
	    (unsigned long long)m->size, m->count, how);
}

/* A message to be put in: its name, its folder, and what writes the file. */
struct entry {
	const char *id;
	int folder;
	int (*write)(int fd, void *context);
	void *context;
};

/* Writes the file and makes it durable under its name.  0, or -1 with errno. */
static int
put_file(struct queue *q, const struct entry *e, bool nameless)
{
	char name[UNFINISHED_NAME];
	int active = q->places[QUEUE_ACTIVE];

	snprintf(name, sizeof(name), "%s%s.%d", QUEUE_UNFINISHED, e->id,
	    (int)getpid());
	int fd = open_unfinished(q, name, &nameless);
	if (fd == -1) {
		return -1;
	}
	int result = e->write(fd, e->context);
	if (result == 0 && nameless) {
		result = link_file(active, fd, name);
		nameless = result == -1;
		errno = nameless && errno == EEXIST ? EAGAIN : errno;
	}
	if (result == -1) {
		int saved = errno;
		close(fd);
		errno = saved;
	} else {
		result = publish(active, e->folder, fd, name, e->id);
	}
	if (result == -1 && !nameless) {
		int saved = errno;
		unlinkat(active, name, 0);
		errno = saved;
	}
	return result;
}

static int
put_entry(struct queue *q, const struct entry *e)
{
	if (is_elsewhere(q, e->id)) {
		return take_existing(q, e->id);
	}
	int result = put_file(q, e, true);
	if (result == -1 && errno == ENOENT) {
		/* It could not be given a name: so it has one all along. */
		result = put_file(q, e, false);
	}
	return result == -1 && errno == EEXIST ? take_existing(q, e->id)
	                                       : result;
}

struct new_message {
	struct mail *mail;
	const struct queue_body *body;
};

static int
write_message(int fd, void *context)
{
	const struct new_message *n = context;

	return write_file(fd, n->mail, n->body);
}

int
queue_commit(struct queue *q, struct mail *m, const struct queue_body *body)
{
	bool held = m->held[0] != '\0';
	struct new_message message = { m, body };
	const struct entry e = { .id = m->id,
		.folder = q->places[held ? QUEUE_HOLD : QUEUE_ACTIVE],
		.write = write_message,
		.context = &message };
	int result = put_entry(q, &e);

	if (result == 0) {
		queue_log_taken(m, held ? "queue hold" : "queue active");
	}
	return result;
}

/* ---- from another queue ---- */

/* Copies the file as it is: what was sent already stays sent. */
static int
copy_message(int fd, void *context)
{
	static char data[BUFFER];
	const struct queue_file *f = context;
	off_t at = 0;
	ssize_t n;

	while ((n = file_read_some(f->fd, data, sizeof(data), at)) > 0) {
		if (file_write(fd, data, (size_t)n, at) == -1) {
			return -1;
		}
		at += n;
	}
	return n == -1 ? -1 : 0;
}

/* Opens the folder of those that are another machine's now; -1: errno. */
static int
open_adopted(const struct queue *q)
{
	if (mkdirat(q->fd, QUEUE_ADOPTED, 0700) == -1 && errno != EEXIST) {
		return -1;
	}
	return fsync(q->fd) == -1
	           ? -1
	           : openat(q->fd, QUEUE_ADOPTED,
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
queue_adopt(struct queue *q, struct queue_file *f)
{
	int from = f->queue->places[f->place];
	const struct entry e = { .id = f->id,
		.folder = q->places[f->place == QUEUE_HOLD ? QUEUE_HOLD
							   : QUEUE_ACTIVE],
		.write = copy_message,
		.context = f };
	int adopted = open_adopted(f->queue);

	if (adopted == -1) {
		return -1;
	}
	/* It is there already if we were killed before the next step. */
	int result = put_entry(q, &e);
	if (result == -1 && errno == EEXIST) {
		result = 0;
	}
	/* Commit point: from here on it is not the other queue's. */
	if (result == 0 && (queue_rename(from, f->id, adopted, f->id) == -1 ||
			       fsync(adopted) == -1 || fsync(from) == -1)) {
		result = -1;
	}
	int saved = errno;
	close(adopted);
	errno = saved;
	return result;
}
