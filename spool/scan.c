/* SPDX-License-Identifier: ISC */
/*
 * One pass over a mailbox: where messages begin and end, how many octets each
 * has for a client, and the digest of what a client sees of it.  A message
 * begins at a From_ line at the start of the file or behind an empty line, or
 * at one with a date in it behind any line.
 */
#include "spool/scan.h"

#include "common/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 256 * 1024, STAGE = 64 * 1024 };

struct scan {
	struct message *list;
	size_t count, room;
	struct message *now;         /* the message under way, or NULL */
	struct mbox_decoder decoder; /* of it */
	off_t at;                    /* in the file */
	bool from_allowed;           /* the line before was empty, or none */
	bool empty_line;             /* one was seen that may be a separator */
	bool open_line;              /* the last line has not ended */
	off_t empty_at;
	struct crypto_hash *hash;
	size_t staged;
	char stage[STAGE]; /* lines on their way to the hash */
	char window[WINDOW];
};

static void
hash_text(struct scan *s, const char *text, size_t len)
{
	if (len > STAGE - s->staged) {
		crypto_hash_add(s->hash, s->stage, s->staged);
		s->staged = 0;
	}
	if (len > STAGE) {
		crypto_hash_add(s->hash, text, len);
		return;
	}
	memcpy(s->stage + s->staged, text, len);
	s->staged += len;
}

/* The message under way ends at offset end; the next one starts at next. */
static void
finish(struct scan *s, off_t end, off_t next)
{
	uint8_t digest[CRYPTO_SHA256];

	if (s->now == NULL) {
		return;
	}
	if (s->open_line) {
		hash_text(s, "\n", 1); /* it ends when it is sent */
		s->now->octets += 2;
		s->open_line = false;
	}
	crypto_hash_add(s->hash, s->stage, s->staged);
	s->staged = 0;
	crypto_hash_result(s->hash, digest);
	memcpy(s->now->id, digest, sizeof(s->now->id));
	s->now->end = end;
	s->now->next = next;
	s->now->pseudo = s->decoder.pseudo && s->count == 1;
}

static int
begin(struct scan *s, const struct mbox_line *line)
{
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 64 : s->room * 2;
		void *p = reallocarray(s->list, room, sizeof(*s->list));
		if (p == NULL) {
			return -1;
		}
		s->list = p;
		s->room = room;
	}
	s->now = &s->list[s->count++];
	memset(s->now, 0, sizeof(*s->now));
	memset(&s->decoder, 0, sizeof(s->decoder));
	s->now->start = s->at;
	s->now->text = s->at + (off_t)line->size;
	return 0;
}

static void
count_line(struct scan *s, struct mbox_line *line)
{
	if (!mbox_decode(&s->decoder, line)) {
		return;
	}
	s->open_line = !line->ends;
	hash_text(s, line->text, line->len);
	s->now->octets += line->len;
	if (line->ends) {
		hash_text(s, "\n", 1);
		s->now->octets += 2;
	}
}

/* An empty line belongs to the message once another line of it follows. */
static void
count_empty_line(struct scan *s)
{
	struct mbox_line line = { .text = "", .begins = true, .ends = true };

	if (s->empty_line) {
		s->empty_line = false;
		count_line(s, &line);
	}
}

static int
take_line(struct scan *s, struct mbox_line *line)
{
	if (mbox_is_from(line, !s->from_allowed)) {
		finish(s, s->empty_line ? s->empty_at : s->at, s->at);
		s->empty_line = false;
		if (begin(s, line) == -1) {
			return -1;
		}
	} else if (s->now != NULL) {
		count_empty_line(s);
		if (line->len == 0 && line->begins && line->ends) {
			s->empty_line = true;
			s->empty_at = s->at;
		} else {
			count_line(s, line);
		}
	}
	s->from_allowed = line->len == 0 && line->begins;
	return 0;
}

static int
scan_windows(struct scan *s, int fd)
{
	size_t held = 0;
	bool last = false, begins = true;
	struct mbox_line line;

	while (!last) {
		ssize_t n = pread(
		    fd, s->window + held, WINDOW - held, s->at + (off_t)held);
		if (n == -1) {
			if (errno == EINTR) {
				continue;
			}
			return -1;
		}
		last = n == 0;
		size_t len = held + (size_t)n, done = 0;
		while (mbox_next_line(s->window + done, len - done, last,
		    done > 0 || len < WINDOW, begins, &line)) {
			size_t size = line.size;
			begins = line.ends;
			if (take_line(s, &line) == -1) {
				return -1;
			}
			done += size;
			s->at += (off_t)size;
		}
		held = len - done;
		memmove(s->window, s->window + done, held);
	}
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct message *x = *(const struct message *const *)a;
	const struct message *y = *(const struct message *const *)b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c != 0 ? c : x->start < y->start ? -1 : 1;
}

/* Numbers identical messages, so that no two have the same UIDL. */
static int
number_copies(struct message *list, size_t count)
{
	struct message **order = calloc(count + 1, sizeof(struct message *));

	if (order == NULL) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = &list[i];
	}
	qsort(order, count, sizeof(struct message *), by_id);
	for (size_t i = 1; i < count; i++) {
		if (memcmp(order[i]->id, order[i - 1]->id, sizeof(list->id)) ==
		    0) {
			order[i]->copy = order[i - 1]->copy + 1;
		}
	}
	free(order);
	return 0;
}

int
scan_mailbox(int fd, struct message **list, size_t *count)
{
	struct scan *s = malloc(sizeof(*s));
	int result = -1;

	if (s == NULL) {
		return -1;
	}
	memset(s, 0, offsetof(struct scan, stage));
	s->from_allowed = true;
	s->hash = crypto_hash_open();
	if (s->hash == NULL) {
		errno = ENOMEM;
	} else if (scan_windows(s, fd) == 0) {
		finish(s, s->empty_line ? s->empty_at : s->at, s->at);
		result = number_copies(s->list, s->count);
	}
	crypto_hash_close(s->hash);
	*list = s->list;
	*count = s->count;
	if (result == -1) {
		free(s->list);
		*list = NULL;
	}
	free(s);
	return result;
}
