/* SPDX-License-Identifier: ISC */
/*
 * One pass over a mailbox: where messages begin and end, how many octets each
 * has for a client, and the digest of what a client sees of it.  A message
 * begins at a From_ line at the start of the file or after an empty line, or
 * at one with a date in it after any line.
 */
#include "spool/scan.h"

#include "common/mime/surrogate.h"
#include "common/tls/crypto.h"
#include "common/io/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 256 * 1024, MEASURED = 64 * 1024, STAGE = 64 * 1024, FEW = 8 };

struct scan {
	struct message *list;
	size_t count, room;
	struct message *now;         /* the message under way, or NULL */
	struct mbox_decoder decoder; /* of it */
	off_t at;                    /* in the file */
	int fd;
	int64_t size;      /* of the mailbox */
	int64_t length;    /* Content-Length of the message, or -1 */
	int64_t body_end;  /* up to here no From_ line counts */
	bool from_allowed; /* the line before was empty, or none */
	bool empty_line;   /* one was seen that may be a separator */
	bool from_open;    /* in a From_ line longer than the window */
	bool open_line;    /* the last line has not ended */
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
	s->now->ascii = s->now->octets;
	s->now->end = end;
	s->now->next = next;
	s->now->pseudo = s->decoder.pseudo && s->count == 1;
}

static int
begin_message(struct scan *s, const struct mbox_line *line)
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
	s->length = -1;
	s->body_end = 0;
	s->now->start = s->at;
	s->now->text = s->at + (int64_t)line->size;
	s->from_open = !line->ends;
	return 0;
}

static bool
is_ascii(const char *text, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++) {
		all |= (unsigned char)text[i];
	}
	return (all & 0x80) == 0;
}

static void
count_line(struct scan *s, struct mbox_line *line)
{
	if (!mbox_decode(&s->decoder, line)) {
		return;
	}
	if (!s->decoder.body && !is_ascii(line->text, line->len)) {
		s->now->raw = true;
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

/*
 * A Content-Length is believed if the mailbox or another From_ line begins
 * exactly where it says that the body ends, with or without an empty line.
 */
static void
believe_length(struct scan *s, int64_t body)
{
	char there[6];
	int64_t end = body + s->length;

	s->body_end = 0;
	if (s->length < 0) {
		return;
	}
	ssize_t n = pread(s->fd, there, sizeof(there), end);
	if ((n == 0 && end == s->size) || (n == 1 && there[0] == '\n') ||
	    (n >= 5 && memcmp(there, "From ", 5) == 0) ||
	    (n == 6 && memcmp(there, "\nFrom ", 6) == 0)) {
		s->body_end = end;
	}
}

/* What a line of the header section tells of the body's length. */
static void
watch_header(struct scan *s, const struct mbox_line *line)
{
	if (s->decoder.body) {
		return;
	}
	if (line->len == 0 && line->begins && line->ends) {
		believe_length(s, s->at + (int64_t)line->size);
	} else {
		(void)mbox_content_length(line, &s->length);
	}
}

static int
take_line(struct scan *s, struct mbox_line *line)
{
	if (s->from_open) {
		s->now->text = s->at + (int64_t)line->size;
		s->from_open = !line->ends;
		return 0;
	}
	if (s->at >= s->body_end && mbox_is_from(line, !s->from_allowed)) {
		finish(s, s->empty_line ? s->empty_at : s->at, s->at);
		s->empty_line = false;
		if (begin_message(s, line) == -1) {
			return -1;
		}
	} else if (s->now != NULL) {
		count_empty_line(s);
		watch_header(s, line);
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

/*
 * Reads on after the octets that the window holds.  A line that fills it was
 * taken in parts, so there is room; a window without room would look like the
 * end of the file, and the rest of the mailbox would be lost from sight.
 */
static ssize_t
fill_window(struct scan *s, int fd, size_t held)
{
	if (held >= WINDOW) {
		errno = EOVERFLOW;
		return -1;
	}
	return file_read_some(
	    fd, s->window + held, WINDOW - held, s->at + (off_t)held);
}

static int
scan_windows(struct scan *s, int fd)
{
	struct mbox_window w = { .data = s->window, .begins = true };
	size_t held = 0;
	struct mbox_line line;

	while (!w.last) {
		ssize_t n = fill_window(s, fd, held);
		if (n == -1) {
			return -1;
		}
		w.last = n == 0;
		w.len = held + (size_t)n;
		w.full = w.len == WINDOW;
		w.done = 0;
		while (mbox_next_line(&w, &line)) {
			size_t size = line.size;
			if (take_line(s, &line) == -1) {
				return -1;
			}
			s->at += (off_t)size;
		}
		held = w.len - w.done;
		memmove(s->window, s->window + w.done, held);
	}
	return 0;
}

/* ---- messages as clients without UTF-8 get them ---- */

struct measure {
	struct surrogate *surrogate;
	struct mbox_decoder decoder;
	uint64_t octets;
	bool begins, open; /* the next piece begins a line; it has not ended */
	char window[MEASURED];
};

static void
measure_text(struct measure *m, const char *text, size_t len)
{
	const char *piece;
	size_t n;

	surrogate_feed(m->surrogate, text, len);
	while (surrogate_next(m->surrogate, &piece, &n)) {
		m->octets += n;
	}
}

/* The lines of a window; how many octets of it. */
static size_t
measure_lines(struct measure *m, size_t len, bool last)
{
	struct mbox_window w = { .data = m->window,
		.len = len,
		.last = last,
		.full = len == MEASURED,
		.begins = m->begins };
	struct mbox_line line;

	while (mbox_next_line(&w, &line)) {
		if (mbox_decode(&m->decoder, &line)) {
			measure_text(m, line.text, line.len);
			measure_text(m, "\r\n", line.ends ? 2 : 0);
			m->open = !line.ends;
		}
	}
	m->begins = w.begins;
	return w.done;
}

static int
measure_body(struct measure *m, int fd, const struct message *message)
{
	int64_t at = message->text;

	m->begins = true;
	while (at < message->end) {
		int64_t rest = message->end - at;
		size_t len = rest < MEASURED ? (size_t)rest : MEASURED;
		if (file_read(fd, m->window, len, at) == -1) {
			return -1;
		}
		at += (int64_t)measure_lines(m, len, (int64_t)len == rest);
	}
	measure_text(m, "\r\n", m->open ? 2 : 0); /* it ends when it is sent */
	surrogate_finish(m->surrogate);
	measure_text(m, NULL, 0);
	return 0;
}

/*
 * Reads a message once more, to see what becomes of it for clients without
 * UTF-8 (common/mime/surrogate.h): sets ascii, and raw if that is another.
 */
static int
measure_message(int fd, struct message *message)
{
	struct measure *m = calloc(1, sizeof(*m));
	int result = -1;

	if (m != NULL && (m->surrogate = surrogate_open()) != NULL) {
		result = measure_body(m, fd, message);
		if (m->surrogate->failed) {
			errno = ENOMEM;
			result = -1;
		}
	}
	if (result == 0) {
		message->raw = m->surrogate->changed;
		message->ascii = m->octets;
	}
	int saved = errno;
	surrogate_close(m == NULL ? NULL : m->surrogate);
	free(m);
	errno = saved;
	return result;
}

/* ---- copies ---- */

static int
by_id(const void *a, const void *b)
{
	const struct message *x = *(const struct message *const *)a;
	const struct message *y = *(const struct message *const *)b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return c != 0 ? c : x->start < y->start ? -1 : 1;
}

/*
 * Numbers identical messages from index first on, so that no two have the same
 * UIDL; the ones before keep their numbers.
 */
static int
number_copies(struct message *list, size_t first, size_t count)
{
	struct message **order = calloc(count + 1, sizeof(struct message *));

	if (order == NULL) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = &list[i];
	}
	qsort(order, count, sizeof(struct message *), by_id);
	for (size_t i = 0; i < count; i++) {
		if (order[i] < &list[first]) {
			continue;
		}
		bool same = i > 0 && memcmp(order[i]->id, order[i - 1]->id,
					 sizeof(list->id)) == 0;
		order[i]->copy = same ? order[i - 1]->copy + 1 : 0;
	}
	free(order);
	return 0;
}

/* Finds the place of a single one, without sorting all. */
static void
number_one(struct message *list, size_t i)
{
	list[i].copy = 0;
	for (size_t k = i; k-- > 0;) {
		if (memcmp(list[k].id, list[i].id, sizeof(list->id)) == 0 &&
		    list[k].copy >= list[i].copy) {
			list[i].copy = list[k].copy + 1;
		}
	}
}

/* Looks at those that are others for clients without UTF-8. */
static int
measure(struct scan *s, size_t first)
{
	for (size_t i = first; i < s->count; i++) {
		if (s->list[i].raw &&
		    measure_message(s->fd, &s->list[i]) == -1) {
			return -1;
		}
	}
	return 0;
}

static int
start(struct scan *s, int fd, const struct scan_from *from)
{
	memset(s, 0, offsetof(struct scan, stage));
	s->from_allowed = true;
	s->at = from->offset;
	s->fd = fd;
	s->size = lseek(fd, 0, SEEK_END);
	s->hash = crypto_hash_open();
	s->room = from->count + 64;
	s->list = malloc(s->room * sizeof(*s->list));
	if (s->hash == NULL || s->list == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if (from->count > 0) {
		memcpy(s->list, from->before, from->count * sizeof(*s->list));
	}
	s->count = from->count;
	return 0;
}

int
scan_mailbox(
    int fd, const struct scan_from *from, struct message **list, size_t *count)
{
	size_t first = from->count;
	struct scan *s = malloc(sizeof(*s));
	int result = -1;

	if (s == NULL) {
		return -1;
	}
	if (start(s, fd, from) == 0 && scan_windows(s, fd) == 0) {
		finish(s, s->empty_line ? s->empty_at : s->at, s->at);
		bool few = s->count - first <= FEW;
		for (size_t i = first; few && i < s->count; i++) {
			number_one(s->list, i);
		}
		result = measure(s, first);
		if (result == 0 && !few) {
			result = number_copies(s->list, first, s->count);
		}
	}
	int saved = errno;
	crypto_hash_close(s->hash);
	*list = s->list;
	*count = s->count;
	if (result == -1) {
		free(s->list);
		*list = NULL;
	}
	free(s);
	errno = saved;
	return result;
}
