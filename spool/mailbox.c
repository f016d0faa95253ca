/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes as POP3 sees them.  Reading takes the lock for one window of the
 * file at a time, and trusts an offset only if the file is as it was listed;
 * else it is listed again, and messages are found by their digests.
 */
#include "spool/mailbox.h"

#include "spool/flags.h"
#include "spool/journal.h"
#include "spool/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 1024 * 1024, READ_TIMEOUT = 20000 };

struct mailbox {
	struct store store;
	struct listing listing; /* at the opening; the numbers are its */
	struct message *moved;  /* the same with later offsets, or NULL */
	struct stat seen;       /* when the offsets were last right */
	int64_t window_at;
	size_t window_len;
	char window[WINDOW];
};

/* The messages with the offsets that are right now; start -1: gone. */
static const struct message *
current(const struct mailbox *m)
{
	return m->moved != NULL ? m->moved : m->listing.list;
}

/*
 * The record of a message, copied: what is in the index can change under our
 * hands.
 */
static struct message
record(const struct mailbox *m, size_t i)
{
	struct message msg = current(m)[i];

	if (m->moved == NULL && m->listing.owned == NULL &&
	    !index_good(&m->listing.index, &msg)) {
		msg.start = -1;
	}
	return msg;
}

int
mailbox_open(struct mailbox **out, const struct store *store, int timeout)
{
	struct mailbox *m = malloc(sizeof(*m));
	struct hold h;
	int result = 0;

	if (m == NULL) {
		return -1;
	}
	memset(m, 0, offsetof(struct mailbox, window));
	m->store = *store;
	if (store_take(&h, store, LOCK_TO_READ, timeout) == 0) {
		journal_keep_spare(h.directory);
		result = listing_open(&m->listing, &h);
		m->seen = m->listing.seen;
		store_release(&h);
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
		listing_free(&m->listing);
		free(m->moved);
		free(m);
	}
}

static int
repair(struct mailbox *m)
{
	struct hold h;

	if (store_take(&h, &m->store, LOCK_TO_READ, READ_TIMEOUT) == -1) {
		return -1;
	}
	int result = listing_repair(&m->listing, &h);
	store_release(&h);
	return result;
}

int
mailbox_check(struct mailbox *m)
{
	return listing_good(&m->listing, 0) ? 0 : repair(m);
}

int
mailbox_check_at(struct mailbox *m, size_t index)
{
	return listing_good_at(&m->listing, index + m->listing.pseudo)
	           ? 0
	           : repair(m);
}

size_t
mailbox_count(const struct mailbox *m)
{
	return m->listing.count - m->listing.pseudo;
}

uint64_t
mailbox_octets(const struct mailbox *m, bool utf8)
{
	return utf8 ? m->listing.octets : m->listing.ascii;
}

const struct message *
mailbox_message(const struct mailbox *m, size_t index)
{
	return &m->listing.list[index + m->listing.pseudo];
}

/* ---- finding messages again ---- */

/* Takes the offsets over from a newer listing. */
static int
follow(struct mailbox *m, const struct listing *now)
{
	size_t n = m->listing.count;

	if (m->moved == NULL && listing_only_grew(&m->listing, now)) {
		m->seen = now->seen;
		return 0;
	}
	size_t *where = calloc(n + 1, sizeof(*where));
	struct message *moved = malloc((n + 1) * sizeof(*moved));

	if (where == NULL || moved == NULL ||
	    listing_match(&m->listing, now, where) == -1) {
		free(where);
		free(moved);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		moved[i] = m->listing.list[i];
		if (where[i] == SIZE_MAX) {
			moved[i].start = -1;
			continue;
		}
		const struct message *there = &now->list[where[i]];
		moved[i].start = there->start;
		moved[i].text = there->text;
		moved[i].end = there->end;
		moved[i].next = there->next;
	}
	free(where);
	free(m->moved);
	m->moved = moved;
	m->seen = now->seen;
	m->window_len = 0;
	return 0;
}

/*
 * Lists the mailbox as it is now.  If it has only grown since the opening, just
 * the records from that one on are looked at.
 */
static int
list_again(const struct mailbox *m, const struct hold *h, size_t first,
    struct listing *now)
{
	if (listing_open(now, h) == -1) {
		return -1;
	}
	bool grew = listing_only_grew(&m->listing, now);
	if (listing_good(now, grew ? first : 0)) {
		return 0;
	}
	listing_free(now);
	return listing_load(now, h);
}

static int
resync(struct mailbox *m, const struct hold *h)
{
	struct listing now;

	if (list_again(m, h, m->listing.count, &now) == -1) {
		return -1;
	}
	int result = follow(m, &now);
	listing_free(&now);
	return result;
}

static bool
unchanged(const struct mailbox *m, const struct stat *st)
{
	return listing_fits(&(struct listing){ .seen = m->seen }, st);
}

/* ---- UIDLs ---- */

/* A message that is gone before its id was known gets one that is no other's.
 */
static void
make_up_id(struct message *msg)
{
	memcpy(msg->id, &msg->print, sizeof(msg->print));
	memcpy(msg->id + sizeof(msg->print), &msg->start, sizeof(msg->start));
	msg->copy = 0;
	msg->unknown = false;
}

/* Takes ids over from a newer listing that has them. */
static int
adopt(struct listing *l, const struct listing *now)
{
	size_t *where = calloc(l->count + 1, sizeof(*where));

	if (where == NULL || listing_match(l, now, where) == -1 ||
	    listing_own(l) == -1) {
		free(where);
		return -1;
	}
	for (size_t i = 0; i < l->count; i++) {
		struct message *msg = &l->owned[i];
		if (msg->unknown && where[i] == SIZE_MAX) {
			make_up_id(msg);
		} else if (msg->unknown) {
			const struct message *there = &now->list[where[i]];
			memcpy(msg->id, there->id, sizeof(msg->id));
			msg->copy = there->copy;
			msg->unknown = false;
		}
	}
	free(where);
	return 0;
}

static int
identify(struct mailbox *m, const struct hold *h)
{
	struct listing now;
	struct stat st;

	if (fstat(h->lock.fd, &st) == -1) {
		return -1;
	}
	if (listing_fits(&m->listing, &st)) {
		return listing_identify(&m->listing, h);
	}
	if (listing_load(&now, h) == -1) {
		return -1;
	}
	int result = follow(m, &now);
	if (result == 0) {
		result = listing_identify(&now, h);
	}
	/* In an index that was changed in place we see them. */
	if (result == 0 && !listing_identified(&m->listing)) {
		result = adopt(&m->listing, &now);
	}
	int saved = errno;
	listing_free(&now);
	errno = saved;
	return result;
}

int
mailbox_identify(struct mailbox *m)
{
	struct hold h;

	if (mailbox_check(m) == -1) {
		return -1;
	}
	if (listing_identified(&m->listing)) {
		return 0;
	}
	if (store_take(&h, &m->store, LOCK_TO_READ, READ_TIMEOUT) == -1) {
		errno = errno == ENOENT ? ESTALE : errno;
		return -1;
	}
	int result = identify(m, &h);
	store_release(&h);
	return result;
}

/* ---- reading ---- */

/* Makes the window begin at offset at of the message, read under the lock. */
static int
fill_locked(struct mailbox *m, const struct hold *h, size_t i, int64_t at)
{
	int fd = h->lock.fd;
	struct stat st;

	if (fstat(fd, &st) == -1) {
		return -1;
	}
	if (!unchanged(m, &st) && resync(m, h) == -1) {
		return -1;
	}
	struct message msg = record(m, i);
	if (msg.start < 0) {
		errno = ESTALE;
		return -1;
	}
	m->window_at = msg.text + at;
	ssize_t n = pread(fd, m->window, WINDOW, m->window_at);
	m->window_len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -1 : 0;
}

/*
 * The bytes of the message from offset at: all the rest, or as many as the
 * window holds.
 */
static int
window(struct mailbox *m, size_t i, int64_t at, const char **data, size_t *len)
{
	struct message msg = record(m, i);
	int64_t rest = msg.start < 0 ? 0 : msg.end - msg.text - at;
	int64_t from = msg.start < 0 ? 0 : msg.text + at - m->window_at;
	struct hold h;

	if (msg.start < 0 || from < 0 || from + rest > (int64_t)m->window_len) {
		if (store_take(&h, &m->store, LOCK_TO_READ, READ_TIMEOUT) ==
		    -1) {
			errno = errno == ENOENT ? ESTALE : errno;
			return -1;
		}
		int result = fill_locked(m, &h, i, at);
		store_release(&h);
		if (result == -1) {
			return -1;
		}
		/* The mailbox may have been listed again. */
		msg = record(m, i);
		rest = msg.start < 0 ? -1 : msg.end - msg.text - at;
		from = 0;
	}
	if (rest < 0) {
		errno = ESTALE;
		return -1;
	}
	size_t there = m->window_len - (size_t)from;
	*data = m->window + from;
	*len = (int64_t)there < rest ? there : (size_t)rest;
	return 0;
}

/* The octets that the message takes in the file, without its From_ line. */
static int64_t
stored(const struct mailbox *m, size_t i)
{
	struct message msg = record(m, i);

	return msg.start < 0 ? -1 : msg.end - msg.text;
}

/*
 * Gives out the lines in one window, as they are stored without a decoder.
 * false: that was enough.
 */
static bool
give_lines(struct mbox_window *w, struct mbox_decoder *decoder,
    mailbox_line *give, void *context)
{
	struct mbox_line line;

	while (mbox_next_line(w, &line)) {
		if ((decoder == NULL || mbox_decode(decoder, &line)) &&
		    !give(context, &line)) {
			return false;
		}
	}
	return w->done > 0;
}

static int
read_lines(struct mailbox *m, size_t i, struct mbox_decoder *decoder,
    mailbox_line *give, void *context)
{
	int64_t at = 0, size = 0;
	struct mbox_window w = { .begins = true };

	if (!listing_good_at(&m->listing, i) && repair(m) == -1) {
		return -1;
	}
	do {
		if (window(m, i, at, &w.data, &w.len) == -1) {
			return -1;
		}
		if (at > 0 && stored(m, i) != size) {
			errno = ESTALE; /* changed while it was being read */
			return -1;
		}
		size = stored(m, i);
		if (size == 0) {
			return 0;
		}
		w.done = 0;
		w.last = at + (int64_t)w.len >= size;
		w.full = w.len == WINDOW;
		if (!give_lines(&w, decoder, give, context)) {
			return 0;
		}
		at += (int64_t)w.done;
	} while (at < size);
	return 0;
}

int
mailbox_read(struct mailbox *m, size_t index, mailbox_line *give, void *context)
{
	struct mbox_decoder decoder = { .body = false };

	return read_lines(
	    m, index + m->listing.pseudo, &decoder, give, context);
}

int
mailbox_read_stored(
    struct mailbox *m, size_t index, mailbox_line *give, void *context)
{
	size_t i = index == MAILBOX_FIRST ? 0 : index + m->listing.pseudo;

	return read_lines(m, i, NULL, give, context);
}

/*
 * ---- changes ----
 *
 * All that a session changes, under one lock: deleted messages are kept if the
 * caller wants that, read ones are marked, and then the deleted are removed.
 */

/* Finds the chosen messages in the mailbox as it is now. */
static int
translate(const struct mailbox *m, const struct listing *now,
    const bool *chosen, bool *there)
{
	size_t hidden = m->listing.pseudo;

	if (listing_only_grew(&m->listing, now)) {
		memcpy(there + hidden, chosen, m->listing.count - hidden);
		return 0;
	}
	size_t *where = calloc(m->listing.count + 1, sizeof(*where));

	if (where == NULL || listing_match(&m->listing, now, where) == -1) {
		free(where);
		return -1;
	}
	for (size_t i = hidden; i < m->listing.count; i++) {
		if (chosen[i - hidden] && where[i] != SIZE_MAX) {
			there[where[i]] = true;
		}
	}
	free(where);
	return 0;
}

/* Marks what has been read; then the index fits again. */
static int
mark_read(const struct listing *now, struct hold *h, const bool *read)
{
	bool marked = false;

	for (size_t i = 0; i < now->count; i++) {
		int result =
		    read[i] ? flags_mark_read(h->lock.fd, &now->list[i]) : 0;
		if (result == -1) {
			return -1;
		}
		marked = marked || result == 1;
	}
	if (marked) {
		index_confirm(h->directory, h->lock.fd, &now->index);
	}
	return 0;
}

static int
change(struct mailbox *m, struct hold *h, const struct listing *now,
    const struct mailbox_update *u, bool *gone, bool *read)
{
	size_t count = 0;

	if (translate(m, now, u->deleted, gone) == -1 ||
	    (u->read != NULL && translate(m, now, u->read, read) == -1)) {
		return -1;
	}
	for (size_t i = 0; i < now->count; i++) {
		count += gone[i];
		read[i] = read[i] && !gone[i];
	}
	if (count > 0 && u->keep != NULL &&
	    u->keep(u->context, h->lock.fd, now->list, gone, now->count) ==
		-1) {
		return -1;
	}
	if (u->read != NULL && mark_read(now, h, read) == -1) {
		return -1;
	}
	return listing_expunge(now, h, gone);
}

static int
update(struct mailbox *m, struct hold *h, const struct mailbox_update *u,
    size_t first)
{
	struct listing now;
	int result = -1;

	if (list_again(m, h, first, &now) == -1) {
		return -1;
	}
	bool *gone = calloc(now.count + 1, sizeof(*gone));
	bool *read = calloc(now.count + 1, sizeof(*read));
	if (gone != NULL && read != NULL) {
		result = change(m, h, &now, u, gone, read);
	}
	int saved = errno;
	free(gone);
	free(read);
	listing_free(&now);
	errno = saved;
	return result;
}

/* The place of the first message to change in the list; its end: none is. */
static size_t
first_change(const struct mailbox *m, const struct mailbox_update *u)
{
	size_t n = mailbox_count(m);
	const bool *deleted = memchr(u->deleted, true, n);
	const bool *read = u->read == NULL ? NULL : memchr(u->read, true, n);
	size_t a = deleted == NULL ? n : (size_t)(deleted - u->deleted);
	size_t b = read == NULL ? n : (size_t)(read - u->read);

	return (a < b ? a : b) + m->listing.pseudo;
}

int
mailbox_update(struct mailbox *m, const struct mailbox_update *u, int timeout)
{
	size_t first = first_change(m, u);
	struct hold h;

	if (first == m->listing.count) {
		return 0;
	}
	first -= first > 0; /* the one before may get its empty line */
	if (!listing_good(&m->listing, first) && repair(m) == -1) {
		return -1;
	}
	if (store_take(&h, &m->store, LOCK_TO_WRITE, timeout) == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = update(m, &h, u, first);
	if (u->unsynced != NULL) {
		*u->unsynced = h.unsynced;
	}
	store_release(&h);
	return result;
}
