/* SPDX-License-Identifier: ISC */
/*
 * Removes messages from a mailbox, in place: by one truncation when only whole
 * blocks at the end go, by an exchange of contents where the file system can do
 * that, else through the journal.
 */
#include "spool/exchange.h"
#include "common/io/file.h"
#include "spool/journal.h"
#include "spool/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEADER = 64 * 1024,
	BLOCK = 4096, /* the usual one, and a multiple of smaller ones */
};

/* A removal being planned. */
struct removal {
	const struct listing *listing;
	const bool *gone;
	size_t first;         /* in the listing: what is before stays */
	struct message *list; /* what will be there from it on */
	size_t count;
	struct range *ranges;
	size_t nranges;
	int64_t start; /* of the first hole */
	int64_t to;    /* where the next range will begin */
	char text[HEADER];
	size_t text_len;
	size_t heir; /* the message that the text goes to, or SIZE_MAX */
};

/*
 * An IMAP server keeps its UIDVALIDITY in a header field of the first message
 * of the mailbox.  When that one goes the next one inherits the field.
 */
static int
inherit(struct removal *r, int mailbox)
{
	const struct message *first = r->listing->list;
	char header[HEADER];
	struct mbox_line line;
	bool ours = false;

	r->heir = SIZE_MAX;
	if (!r->gone[0]) {
		return 0;
	}
	int64_t all = first->end - first->text;
	size_t len = all < HEADER ? (size_t)all : HEADER;
	if (file_read(mailbox, header, len, first->text) == -1) {
		return -1;
	}
	struct mbox_window w = { .data = header, .len = len, .begins = true };
	while (mbox_next_line(&w, &line) && line.len > 0) {
		bool more = line.text[0] == ' ' || line.text[0] == '\t';
		ours = more ? ours : mbox_is_imapbase(&line);
		if (ours) {
			memcpy(r->text + r->text_len, line.text, line.size);
			r->text_len += line.size;
		}
	}
	for (size_t i = 1; r->text_len > 0 && i < r->listing->count; i++) {
		if (!r->gone[i]) {
			r->heir = i;
			break;
		}
	}
	return 0;
}

static void
add_range(
    struct removal *r, uint64_t from, uint64_t len, enum range_source source)
{
	struct range *last =
	    r->nranges == 0 ? NULL : &r->ranges[r->nranges - 1];

	if (last != NULL && source == RANGE_MAILBOX &&
	    last->is_text == RANGE_MAILBOX && last->from + last->len == from) {
		last->len += len;
	} else {
		r->ranges[r->nranges++] = (struct range){
			.from = from, .len = len, .is_text = source
		};
	}
	r->to += (int64_t)len;
}

/* Keeps one message after the first hole. */
static void
keep(struct removal *r, size_t i)
{
	const struct message *old = &r->listing->list[i];
	struct message *now = &r->list[r->count++];
	int64_t shift = old->start - r->to;
	uint64_t from_line = (uint64_t)(old->text - old->start);

	*now = *old;
	now->start -= shift;
	now->text -= shift;
	add_range(r, (uint64_t)old->start, from_line, RANGE_MAILBOX);
	if (i == r->heir) {
		add_range(r, 0, r->text_len, RANGE_TEXT);
		shift -= (int64_t)r->text_len;
	}
	now->end -= shift;
	now->next -= shift;
	add_range(r, (uint64_t)old->text, (uint64_t)(old->next - old->text),
	    RANGE_MAILBOX);
}

/*
 * Where the last message that stays is not separated from what comes next,
 * the empty line of one that goes has to stay.
 */
static void
leave_separator(struct removal *r, const struct message *gone)
{
	struct message *last = r->count == 0 ? NULL : &r->list[r->count - 1];
	int64_t len = gone->next - gone->end;

	if (last != NULL && last->end == last->next && len > 0) {
		add_range(r, (uint64_t)gone->end, (uint64_t)len, RANGE_MAILBOX);
		last->next += len;
	}
}

/* Makes the plan.  0, or -1: no memory, or the mailbox cannot be read. */
static int
plan(struct removal *r, int mailbox)
{
	const struct listing *l = r->listing;
	const bool *hole = memchr(r->gone, true, l->count);

	r->start = -1;
	if (hole == NULL) {
		return 0;
	}
	size_t first = (size_t)(hole - r->gone);
	size_t n = l->count - first;
	/* The message before the hole may get the empty line of one in it. */
	r->first = first > 0 ? first - 1 : 0;
	/* Two for each message, and three for the heir. */
	r->ranges = calloc(2 * n + 4, sizeof(*r->ranges));
	r->list = malloc((n + 1) * sizeof(*r->list));
	if (r->ranges == NULL || r->list == NULL || inherit(r, mailbox) == -1) {
		return -1;
	}
	if (first > 0) {
		r->list[r->count++] = l->list[first - 1];
	}
	r->start = r->to = l->list[first].start;
	for (size_t i = first; i < l->count; i++) {
		if (r->gone[i]) {
			leave_separator(r, &l->list[i]);
		} else {
			keep(r, i);
		}
	}
	return 0;
}

/*
 * One truncation.  Inside of a block it also zeroes the rest of the block, and
 * that may reach the disk without the new length, so such a cut goes through
 * the journal where that is possible.
 */
static int
cut(struct hold *h, int64_t size)
{
	if (ftruncate(h->lock.fd, size) == -1) {
		return -1;
	}
	/* Commit point: gone once fsync() has succeeded. */
	h->unsynced = fsync(h->lock.fd) == -1;
	return h->unsynced ? -1 : 0;
}

static int
carry_out(struct removal *r, struct hold *h)
{
	struct plan p = { .start = (uint64_t)r->start,
		.size = (uint64_t)r->listing->seen.st_size,
		.ranges = r->ranges,
		.count = r->nranges,
		.text = r->text,
		.text_len = r->text_len };

	if (r->nranges == 0 && r->start % BLOCK == 0) {
		return cut(h, r->start);
	}
	/* If nothing has changed then, the journal may still work. */
	if (exchange_run(&h->lock, &p, &h->unsynced) == 0) {
		return 0;
	}
	if (h->unsynced) {
		return -1;
	}
	if (h->directory == -1) {
		errno = ENOTDIR; /* without a journal nothing is moved */
		return r->nranges == 0 ? cut(h, r->start) : -1;
	}
	int result = journal_run(h->directory, h->lock.fd, &p, store_touch, h);
	if (result == -1 && (errno == ENOSPC || errno == EDQUOT) &&
	    r->nranges == 0 && !journal_exists(h->directory)) {
		/* No room for a journal: deleting must be possible then. */
		return cut(h, r->start);
	}
	return result;
}

/* Makes the index fit; what cannot be done leaves none. */
static void
fit_index(const struct removal *r, const struct hold *h)
{
	const struct listing *l = r->listing;
	bool same =
	    r->first < l->count && r->count > 0 && r->first > 0 &&
	    memcmp(&r->list[0], &l->list[r->first], sizeof(*r->list)) == 0;

	if (index_replace(h->directory, h->lock.fd, &l->index, r->first + same,
		r->list + same, r->count - same)) {
		return;
	}
	size_t count = r->first + r->count;
	struct message *all = reallocarray(NULL, count + 1, sizeof(*all));
	if (all == NULL || !listing_good(l, 0)) {
		free(all);
		return; /* the next login reads the mailbox */
	}
	memcpy(all, l->list, r->first * sizeof(*all));
	memcpy(all + r->first, r->list, r->count * sizeof(*all));
	index_store(h->directory, h->lock.fd, all, count, NULL);
	free(all);
}

int
listing_expunge(const struct listing *l, struct hold *h, const bool *gone)
{
	struct removal *r = malloc(sizeof(*r));
	int result = -1;

	if (r == NULL) {
		return -1;
	}
	memset(r, 0, sizeof(*r));
	r->listing = l;
	r->gone = gone;
	if (plan(r, h->lock.fd) == 0) {
		result = r->start < 0 ? 0 : carry_out(r, h);
		if (result == 0 && r->start >= 0) {
			fit_index(r, h);
		}
	}
	int saved = errno;
	free(r->ranges);
	free(r->list);
	free(r);
	errno = saved;
	return result;
}
