/* SPDX-License-Identifier: ISC */
/*
 * One message of the queue: claimed by a lock on its file, and checked before
 * anything in it is believed.
 */
#include "spool/queue_private.h"

#include "common/log/log.h"
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 16 * 1024 };

/* ---- reading ---- */

/* Reads and parses until the head is whole; *why: the damage, if any. */
static enum queue_claim
read_head(struct queue_file *f, off_t size, const char **why)
{
	size_t room = FIRST_READ, len;
	enum mail_parsed parsed = MAIL_SHORT;

	while (parsed == MAIL_SHORT) {
		size_t n = size < (off_t)room ? (size_t)size : room;
		char *data = malloc(room);
		if (data == NULL || file_read(f->fd, data, n, 0) == -1) {
			int saved = errno;
			free(data);
			errno = saved;
			return QUEUE_ERROR;
		}
		parsed = mail_parse(&f->mail, data, n, &len);
		free(data);
		if (parsed == MAIL_SHORT &&
		    ((off_t)n == size || room >= MAIL_HEAD)) {
			*why = "its head is cut short";
			return QUEUE_DAMAGED;
		}
		room *= 2;
	}
	if (parsed == MAIL_NO_MEMORY) {
		errno = ENOMEM;
		return QUEUE_ERROR;
	}
	*why = "its head is not as it was written";
	f->body = (off_t)len;
	return parsed == MAIL_LATER ? QUEUE_LATER
	       : parsed == MAIL_OK  ? QUEUE_CLAIMED
	                            : QUEUE_DAMAGED;
}

/* Checks that the open file is the message of its name, and whole. */
static enum queue_claim
read_message(struct queue_file *f, const struct stat *st, const char **why)
{
	enum queue_claim result = read_head(f, st->st_size, why);

	if (result == QUEUE_CLAIMED && strcmp(f->mail.id, f->id) != 0) {
		*why = "it says that it is another message";
		result = QUEUE_DAMAGED;
	}
	if (result == QUEUE_CLAIMED &&
	    (uint64_t)(st->st_size - f->body) != f->mail.size) {
		*why = "its body has another length than it should have";
		result = QUEUE_DAMAGED;
	}
	return result;
}

static enum queue_claim
open_message(struct queue_file *f, int flags, const char **why)
{
	f->fd = openat(f->queue->places[f->place], f->id,
	    flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (f->fd != -1) {
		return QUEUE_CLAIMED;
	}
	*why = "it is no file";
	return errno == ENOENT ? QUEUE_GONE
	       : errno == ELOOP || errno == EISDIR || errno == ENXIO
	           ? QUEUE_DAMAGED
	           : QUEUE_ERROR;
}

/*
 * ---- reasons ----
 *
 * reason/ID: a line for each recipient that has a reason, with its
 * number (from 0), a blank and the text.  Nothing depends on it.
 */

/* Copies a text as one line, cut off if it is too long. */
static char *
one_line(const char *text, size_t len)
{
	char *copy = strndup(text, len < QUEUE_REASON ? len : QUEUE_REASON - 1);

	for (char *p = copy; p != NULL && *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < ' ' || c == 0x7f) {
			*p = ' ';
		}
	}
	return copy;
}

static void
free_reasons(char **reasons, size_t count)
{
	for (size_t i = 0; reasons != NULL && i < count; i++) {
		free(reasons[i]);
	}
	free(reasons);
}

/* Takes one line; false: no memory. */
static bool
read_reason(char **reasons, size_t count, char *line, size_t len)
{
	char *end;

	if (len > 0 && line[len - 1] == '\n') {
		line[--len] = '\0';
	}
	if (line[0] < '0' || line[0] > '9') {
		return true;
	}
	unsigned long recipient = strtoul(line, &end, 10);
	if (*end != ' ' || recipient >= count) {
		return true;
	}
	end++;
	free(reasons[recipient]);
	reasons[recipient] = one_line(end, strlen(end));
	return reasons[recipient] != NULL;
}

/* Reads all of the file; false: errno. */
static bool
read_reasons(int fd, char **reasons, size_t count)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	FILE *file = fdopen(fd, "r");

	if (file == NULL) {
		int saved = errno;
		close(fd);
		errno = saved;
		return false;
	}
	bool ok = true;
	while (ok && (len = getline(&line, &room, file)) != -1) {
		ok = read_reason(reasons, count, line, (size_t)len);
	}
	/* Without memory getline(3) ends, too. */
	ok = ok && feof(file) && !ferror(file);
	int saved = errno;
	free(line);
	fclose(file);
	errno = saved;
	return ok;
}

/* What the file has is taken where nothing newer is known; false: errno. */
static bool
merge_reasons(struct queue_file *f)
{
	char **old;
	int fd = openat(f->queue->reasons, f->id,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1) {
		return errno == ENOENT || errno == ELOOP || errno == ENXIO;
	}
	old = calloc(f->mail.count, sizeof(*old));
	if (old == NULL) {
		close(fd);
		errno = ENOMEM;
		return false;
	}
	bool ok = read_reasons(fd, old, f->mail.count);
	int saved = errno;
	for (size_t i = 0; ok && i < f->mail.count; i++) {
		if (f->reasons[i] == NULL) {
			f->reasons[i] = old[i];
			old[i] = NULL;
		}
	}
	free_reasons(old, f->mail.count);
	errno = saved;
	return ok;
}

/*
 * Reads the reasons, if that has not been done.  Half of them are as good as
 * none, and never replace the file.
 */
static void
load_reasons(struct queue_file *f)
{
	if (f->reasons != NULL || f->mail.count == 0) {
		return;
	}
	f->reasons = calloc(f->mail.count, sizeof(*f->reasons));
	f->reasons_read = f->reasons != NULL && merge_reasons(f);
	if (!f->reasons_read) {
		log_warn("%s: cannot read the last replies: %s", f->id,
		    strerror(errno));
	}
}

void
queue_set_reason(struct queue_file *f, size_t recipient, const char *text)
{
	load_reasons(f);
	char *copy = f->reasons == NULL || recipient >= f->mail.count
	                 ? NULL
	                 : one_line(text, strlen(text));
	if (copy != NULL) {
		free(f->reasons[recipient]);
		f->reasons[recipient] = copy;
		f->reasons_changed = true;
	}
}

void
queue_reason(struct queue_file *f, size_t recipient, char text[QUEUE_REASON])
{
	const char *reason = NULL;

	load_reasons(f);
	if (f->reasons != NULL && recipient < f->mail.count) {
		reason = f->reasons[recipient];
	}
	strlcpy(text, reason == NULL ? "" : reason, QUEUE_REASON);
}

/* Writes another file first: readers see the old reasons or these. */
static void
save_reasons(const struct queue_file *f)
{
	char name[MAIL_ID + 16];
	int directory = f->queue->reasons;

	snprintf(name, sizeof(name), "%s%s", QUEUE_UNFINISHED, f->id);
	int fd = openat(directory, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd == -1 ? NULL : fdopen(fd, "w");
	if (file == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return;
	}
	for (size_t i = 0; i < f->mail.count; i++) {
		if (f->reasons[i] != NULL) {
			fprintf(file, "%zu %s\n", i, f->reasons[i]);
		}
	}
	bool bad = ferror(file) != 0;
	if (fclose(file) == EOF || bad ||
	    renameat(directory, name, directory, f->id) == -1) {
		unlinkat(directory, name, 0);
	}
}

static void
write_reasons(struct queue_file *f)
{
	if (f->reasons != NULL && f->reasons_changed) {
		/* What could not be read may be readable by now. */
		if (f->reasons_read || merge_reasons(f)) {
			f->reasons_read = true;
			save_reasons(f);
		}
		f->reasons_changed = false;
	}
}

static void
end_reasons(struct queue_file *f)
{
	if (f->reasons == NULL) {
		return;
	}
	write_reasons(f);
	free_reasons(f->reasons, f->mail.count);
	f->reasons = NULL;
}

/* ---- claiming ---- */

int
queue_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Locks the open file, and sees whether it is still where it was found. */
static enum queue_claim
lock_message(struct queue_file *f, struct stat *st, const char **why)
{
	struct stat named;

	if (fstat(f->fd, st) == -1) {
		return QUEUE_ERROR;
	}
	*why = "it is no file";
	if (!S_ISREG(st->st_mode)) {
		return QUEUE_DAMAGED;
	}
	if (queue_lock(f->fd) == -1) {
		return errno == EAGAIN || errno == EACCES ? QUEUE_BUSY
		                                          : QUEUE_ERROR;
	}
	if (fstatat(f->queue->places[f->place], f->id, &named,
		AT_SYMLINK_NOFOLLOW) == -1) {
		return errno == ENOENT ? QUEUE_GONE : QUEUE_ERROR;
	}
	/* What it was before the lock may have been changed by its holder. */
	if (fstat(f->fd, st) == -1) {
		return QUEUE_ERROR;
	}
	if (st->st_dev != named.st_dev || st->st_ino != named.st_ino) {
		return QUEUE_GONE;
	}
	if (st->st_nlink > 1) {
		queue_forget_unfinished(f->queue, st);
		if (fstat(f->fd, st) == -1) {
			return QUEUE_ERROR;
		}
	}
	*why = "it has more than one name";
	return st->st_nlink == 1 ? QUEUE_CLAIMED : QUEUE_DAMAGED;
}

static void
begin_claim(struct queue_file *f, struct queue *q, enum queue_place place,
    const char *id)
{
	memset(f, 0, sizeof(*f));
	f->queue = q;
	f->place = place;
	f->fd = -1;
	strlcpy(f->id, id, sizeof(f->id));
}

/* A downgrade must not cost mail: it waits for the version that can read it. */
static void
hold_later(struct queue_file *f)
{
	if (f->place == QUEUE_HOLD || f->place == QUEUE_CORRUPT) {
		return;
	}
	if (queue_move(f, QUEUE_HOLD) == -1) {
		log_error("%s: it was written by a later version of restante, "
			  "and cannot be put on hold: %s",
		    f->id, strerror(errno));
		return;
	}
	log_error("%s: it was written by a later version of restante, and is "
		  "on hold; install that version again, and type: smtpd "
		  "--release %s",
	    f->id, f->id);
}

enum queue_claim
queue_claim(struct queue *q, enum queue_place place, const char *id,
    struct queue_file *f)
{
	const char *why = "";
	struct stat st;

	begin_claim(f, q, place, id);
	if (!mail_is_id(id)) {
		return QUEUE_GONE;
	}
	enum queue_claim result = open_message(f, O_RDWR, &why);
	if (result == QUEUE_CLAIMED) {
		result = lock_message(f, &st, &why);
	}
	if (result == QUEUE_CLAIMED) {
		result = read_message(f, &st, &why);
	}
	if (result == QUEUE_DAMAGED && place != QUEUE_CORRUPT) {
		queue_set_aside(q, place, id, why);
	}
	if (result == QUEUE_LATER) {
		hold_later(f);
	}
	if (result != QUEUE_CLAIMED) {
		int saved = errno;
		queue_release(f);
		errno = saved;
	}
	return result;
}

enum queue_claim
queue_read(struct queue *q, enum queue_place place, const char *id,
    struct queue_file *f)
{
	const char *why = "";
	struct stat st;

	begin_claim(f, q, place, id);
	if (!mail_is_id(id)) {
		return QUEUE_GONE;
	}
	enum queue_claim result = open_message(f, O_RDONLY, &why);
	if (result == QUEUE_CLAIMED && fstat(f->fd, &st) == -1) {
		result = QUEUE_ERROR;
	}
	if (result == QUEUE_CLAIMED) {
		result = S_ISREG(st.st_mode) ? read_message(f, &st, &why)
		                             : QUEUE_DAMAGED;
	}
	if (result != QUEUE_CLAIMED) {
		int saved = errno;
		queue_release(f);
		errno = saved;
	}
	return result;
}

void
queue_release(struct queue_file *f)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	end_reasons(f);
	mail_free(&f->mail);
	if (f->fd != -1) {
		/* A child may have inherited the descriptor. */
		fcntl(f->fd, F_OFD_SETLK, &lock);
		close(f->fd);
		f->fd = -1;
	}
}

/* By its name, where /proc is not mounted; it must still be that file. */
static int
open_named(const struct queue_file *f)
{
	struct stat mine, named;
	int fd = openat(f->queue->places[f->place], f->id,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1) {
		return -1;
	}
	if (fstat(f->fd, &mine) == 0 && fstat(fd, &named) == 0 &&
	    mine.st_dev == named.st_dev && mine.st_ino == named.st_ino) {
		return fd;
	}
	close(fd);
	errno = ENOENT;
	return -1;
}

int
queue_open_body(const struct queue_file *f)
{
	char path[64];

	/* Not a duplicate: that would share the lock, and could write. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd == -1 && errno == ENOENT ? open_named(f) : fd;
}

/* ---- changing ---- */

int
queue_write(
    struct queue_file *f, size_t recipient, const struct slot_state *state)
{
	char line[MAIL_LINE];

	if (recipient >= f->mail.count) {
		errno = EINVAL;
		return -1;
	}
	struct slot_state *slot = &f->mail.recipients[recipient].slot;
	mail_slot(state, line);
	if (file_write(f->fd, line, sizeof(line),
		(off_t)((recipient + 1) * MAIL_LINE)) == -1) {
		return -1;
	}
	f->unsynced = f->unsynced || slot->state != state->state ||
	              slot->delay_notice != state->delay_notice;
	*slot = *state;
	return 0;
}

int
queue_sync(struct queue_file *f)
{
	bool needed = f->unsynced;

	f->unsynced = false;
	/* Commit point: what was done must not be done again. */
	return needed ? fdatasync(f->fd) : 0;
}

int
queue_set(
    struct queue_file *f, size_t recipient, const struct slot_state *state)
{
	return queue_write(f, recipient, state) == -1 ? -1 : queue_sync(f);
}

/* Only a message that is held, or set aside, is not tried. */
static bool
is_tried(enum queue_place place)
{
	return place == QUEUE_ACTIVE || place == QUEUE_DEFERRED;
}

int
queue_move(struct queue_file *f, enum queue_place place)
{
	int from = f->queue->places[f->place], to = f->queue->places[place];
	bool sync = is_tried(f->place) != is_tried(place);

	/* People who find the message there will ask why. */
	write_reasons(f);
	if (place == f->place) {
		return 0;
	}
	if (queue_rename(from, f->id, to, f->id) == -1) {
		return -1;
	}
	f->place = place;
	return sync && (fsync(to) == -1 || fsync(from) == -1) ? -1 : 0;
}

int
queue_defer(struct queue_file *f)
{
	const struct recipient *r = f->mail.recipients;
	bool waiting = false;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

	for (size_t i = 0; i < f->mail.count; i++) {
		if (r[i].slot.state == RECIPIENT_WAITING &&
		    (!waiting || r[i].slot.next < times[1].tv_sec)) {
			waiting = true;
			times[1].tv_sec = r[i].slot.next;
		}
	}
	if (futimens(f->fd, times) == -1) {
		return -1;
	}
	return queue_move(f, QUEUE_DEFERRED);
}

int
queue_remove(struct queue_file *f)
{
	for (size_t i = 0; i < f->mail.count; i++) {
		if (f->mail.recipients[i].slot.state == RECIPIENT_WAITING) {
			errno = EINVAL;
			return -1;
		}
	}
	if (unlinkat(f->queue->places[f->place], f->id, 0) == -1) {
		return -1;
	}
	unlinkat(f->queue->reasons, f->id, 0);
	f->reasons_changed = false;
	return 0;
}

int
queue_sync_place(const struct queue *q, enum queue_place place)
{
	/* Commit point: what was removed from there does not come back. */
	return fsync(q->places[place]);
}
