/* SPDX-License-Identifier: ISC */
/* Takes the lock, and first finishes what a crash has interrupted. */
#include "spool/store.h"

#include "common/io/owned.h"
#include "common/log/log.h"
#include "spool/append_note.h"
#include "spool/journal.h"
#include "spool/unwritten.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TRIES = 10 };

void
store_touch(void *hold)
{
	lock_touch(&((struct hold *)hold)->lock);
}

static bool
undone(const struct hold *h)
{
	return h->directory != -1 && (journal_exists(h->directory) ||
					 append_note_pending(h->directory));
}

/* Recovers; the lock is one for writing. */
static int
recover(struct hold *h)
{
	/* The order matters: a torn append may be cut out by the journal. */
	if (h->directory != -1 &&
	    (journal_recover(h->directory, h->lock.fd, store_touch, h) == -1 ||
		append_note_recover(h->directory, h->lock.fd, store_touch, h) ==
		    -1)) {
		return -1;
	}
	unwritten_cut(h->lock.fd);
	return 0;
}

static void
release_lock(struct hold *h)
{
	int saved = errno;

	lock_release(&h->lock);
	errno = saved;
}

/* Locks for writing, recovers, and lets go again. */
static int
recover_first(struct hold *h, const struct store *s, int timeout)
{
	if (lock_take_by(
		&h->lock, s->mailbox, s->stock, LOCK_TO_WRITE, timeout) == -1) {
		return -1;
	}
	int result = recover(h), saved = errno;
	lock_put_back(&h->lock);
	errno = saved;
	return result;
}

/* True if its folder takes no new files of ours, and so no dotlock. */
static bool
folder_is_closed(const char *mailbox)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(mailbox, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - mailbox) + 1;

	if (n == 0 || n >= sizeof(folder)) {
		return false;
	}
	memcpy(folder, mailbox, n);
	folder[n] = '\0';
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == -1 &&
	       errno == EACCES;
}

/*
 * The errno for a mailbox that may not be opened.  Ours by its owner and mode,
 * it is another one than the process has confined itself to.
 */
static int
refused(const struct store *s)
{
	struct stat st;

	if (s->confined == STORE_AT_LARGE || folder_is_closed(s->mailbox) ||
	    lstat(s->mailbox, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() ||
	    (st.st_mode & (S_IRUSR | S_IWUSR)) != (S_IRUSR | S_IWUSR)) {
		return EACCES;
	}
	return s->confined == STORE_NO_MAILBOX ? ENOENT : ESTALE;
}

static int
take_hold(
    struct hold *h, const struct store *s, enum lock_mode mode, int timeout)
{
	for (int tries = 0; tries < MOST_TRIES; tries++) {
		if (lock_take_by(
			&h->lock, s->mailbox, s->stock, mode, timeout) == -1) {
			errno = errno == EACCES ? refused(s) : errno;
			return -1;
		}
		bool must = undone(h);
		/* One try is enough: mail that can be read is read. */
		bool may = tries == 0 && unwritten_is_there(h->lock.fd);
		if (!must && !may) {
			return 0;
		}
		if (mode != LOCK_TO_READ && recover(h) == 0) {
			return 0;
		}
		release_lock(h);
		if (mode != LOCK_TO_READ ||
		    (recover_first(h, s, timeout) == -1 && must)) {
			return -1;
		}
	}
	errno = EWOULDBLOCK; /* one crash after the other: not our turn */
	return -1;
}

/*
 * Says what the user, or a restored backup, has put in the place of our files.
 * Mail goes on without the note and the index, and waits for a journal alone.
 */
static void
tell_faults(const struct hold *h, const struct store *s)
{
	static const char *const names[] = { "append", "index", "journal" };
	char text[OWNED_TEXT];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enum owned what = owned_look(h->directory, names[i]);
		if (what != OWNED_FINE) {
			owned_text(what, s->directory, names[i], text);
			log_warn("%s", text);
		}
	}
}

int
store_take(
    struct hold *h, const struct store *s, enum lock_mode mode, int timeout)
{
	h->unsynced = false;
	h->directory = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->directory == -1 && errno != ENOENT && errno != ENOTDIR &&
	    errno != EACCES) {
		return -1; /* there may be something to finish in it */
	}
	if (h->directory != -1) {
		tell_faults(h, s);
	}
	if (take_hold(h, s, mode, timeout) == -1) {
		int saved = errno;
		if (h->directory != -1) {
			close(h->directory);
		}
		errno = saved;
		return -1;
	}
	return 0;
}

void
store_release(struct hold *h)
{
	int saved = errno;

	lock_release(&h->lock);
	if (h->directory != -1) {
		close(h->directory);
	}
	errno = saved;
}

bool
store_is_unfinished(const struct store *s)
{
	int fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool unfinished = fd != -1 && journal_is_committed(fd);

	if (fd != -1) {
		close(fd);
	}
	return unfinished;
}
