/* SPDX-License-Identifier: ISC */
/*
 * Copies a mailbox in pieces of whole messages.  Between two of them it may
 * change: then it is listed again, and what has not been copied is found in the
 * new list.
 */
#include "spool/backup.h"

#include "common/io/file.h"
#include "spool/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1024 * 1024 };

struct backup {
	const struct store *store;
	int timeout;
	struct listing first; /* ours; start -1: gone */
	size_t next, count;   /* to copy; copied */
	size_t len;
	char *piece; /* whole messages */
	int large;   /* or one that is larger, in a file; -1: none */
	int64_t size;
};

/* ---- what has changed ---- */

/*
 * Where a message is, if it may be one of several that are the same: any of
 * them will do.
 */
static size_t
find_same(const struct message *m, const struct listing *now)
{
	for (size_t i = 0; i < now->count; i++) {
		if (now->list[i].print == m->print &&
		    now->list[i].octets == m->octets) {
			return i;
		}
	}
	return SIZE_MAX;
}

static void
move(struct message *m, const struct listing *now, size_t where)
{
	if (where == SIZE_MAX) {
		where = find_same(m, now);
	}
	if (where == SIZE_MAX) {
		m->start = -1;
		return;
	}
	m->start = now->list[where].start;
	m->text = now->list[where].text;
	m->end = now->list[where].end;
	m->next = now->list[where].next;
}

static int
follow(struct backup *b, const struct hold *h)
{
	size_t *where = calloc(b->first.count + 1, sizeof(*where));
	struct listing now;

	if (where == NULL || listing_load(&now, h) == -1) {
		free(where);
		return -1;
	}
	int result = listing_match(&b->first, &now, where);
	for (size_t i = b->next; result == 0 && i < b->first.count; i++) {
		if (b->first.owned[i].start >= 0) {
			move(&b->first.owned[i], &now, where[i]);
		}
	}
	b->first.seen = now.seen;
	listing_free(&now);
	free(where);
	return result;
}

/* ---- reading, under the lock ---- */

/* Octets of a message in the copy: an empty line follows it. */
static int64_t
size_of(const struct message *m)
{
	return m->end - m->start + 2;
}

/* Copies one into its place, and the empty line; how many octets, or -1. */
static ssize_t
read_message(int mailbox, const struct message *m, char *place)
{
	size_t n = (size_t)(m->end - m->start);

	if (file_read(mailbox, place, n, m->start) == -1) {
		return -1;
	}
	size_t more = n > 0 && place[n - 1] == '\n' ? 1 : 2;
	memcpy(place + n, "\n\n", more);
	return (ssize_t)(n + more);
}

/* Copies one that is larger than a piece. */
static int
read_large(struct backup *b, int mailbox, const struct message *m)
{
	char last = '\n';

	b->large = file_unnamed(b->store->directory);
	if (b->large == -1) {
		return -1;
	}
	b->size = 0;
	for (int64_t at = m->start; at < m->end; at += PIECE) {
		size_t n =
		    m->end - at < PIECE ? (size_t)(m->end - at) : (size_t)PIECE;
		if (file_read(mailbox, b->piece, n, at) == -1 ||
		    file_write(b->large, b->piece, n, b->size) == -1) {
			return -1;
		}
		last = b->piece[n - 1];
		b->size += (int64_t)n;
	}
	int64_t more = last == '\n' ? 1 : 2;
	int result = file_write(b->large, "\n\n", (size_t)more, b->size);
	b->size += more;
	return result;
}

/* Fills the piece. */
static int
read_piece(struct backup *b, int mailbox)
{
	for (; b->next < b->first.count; b->next++) {
		const struct message *m = &b->first.owned[b->next];
		if (m->start < 0) {
			continue;
		}
		if (size_of(m) > PIECE - (int64_t)b->len) {
			if (b->len == 0) {
				b->next++;
				b->count++;
				return read_large(b, mailbox, m);
			}
			return 0;
		}
		ssize_t n = read_message(mailbox, m, b->piece + b->len);
		if (n == -1) {
			return -1;
		}
		b->len += (size_t)n;
		b->count++;
	}
	return 0;
}

static int
read_locked(struct backup *b)
{
	struct hold h;
	struct stat st;

	b->len = 0;
	if (store_take(&h, b->store, LOCK_TO_READ, b->timeout) == -1) {
		b->next = errno == ENOENT ? b->first.count : b->next;
		return errno == ENOENT ? 0 : -1;
	}
	int result = fstat(h.lock.fd, &st);
	if (result == 0 && !listing_fits(&b->first, &st)) {
		result = follow(b, &h);
	}
	result = result == 0 ? read_piece(b, h.lock.fd) : -1;
	store_release(&h);
	return result;
}

/* ---- writing, without it ---- */

static int
write_large(struct backup *b, int out)
{
	int result = 0;

	for (int64_t at = 0; result == 0 && at < b->size; at += PIECE) {
		size_t n = b->size - at < PIECE ? (size_t)(b->size - at)
		                                : (size_t)PIECE;
		result = file_read(b->large, b->piece, n, at) == 0
		             ? file_append(out, b->piece, n)
		             : -1;
	}
	return result;
}

static int
write_piece(struct backup *b, int out)
{
	int result = b->large != -1 ? write_large(b, out)
	                            : file_append(out, b->piece, b->len);
	int saved = errno;

	if (b->large != -1) {
		close(b->large);
		b->large = -1;
	}
	errno = saved;
	return result;
}

/* Lists what there is to copy. */
static int
list(struct backup *b)
{
	struct hold h;

	if (store_take(&h, b->store, LOCK_TO_READ, b->timeout) == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = listing_load(&b->first, &h);
	if (result == 0) {
		result = listing_own(&b->first);
	}
	store_release(&h);
	return result;
}

int
backup_mailbox(
    const struct store *store, int out, int timeout, size_t *count, int *output)
{
	struct backup b = { .store = store, .timeout = timeout, .large = -1 };
	int result = -1;

	b.piece = malloc(PIECE);
	if (b.piece != NULL) {
		result = list(&b);
	}
	while (result == 0 && b.next < b.first.count) {
		result = read_locked(&b);
		if (result == 0 && write_piece(&b, out) == -1) {
			*output = errno;
			errno = BACKUP_OUTPUT;
			result = -1;
		}
	}
	int saved = errno;
	if (b.large != -1) {
		close(b.large);
	}
	listing_free(&b.first);
	free(b.piece);
	*count = b.count;
	errno = saved;
	return result;
}
