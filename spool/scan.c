/* SPDX-License-Identifier: ISC */
/*
 * One pass over a mailbox: where messages begin and end, how many octets each
 * has for a client, and the fingerprint of what a client sees of it.  A message
 * begins at a From_ line with a date in it after any line; at one without a
 * date at the start of the file, or after an empty line if a header field
 * follows, for without that it may be text.
 */
#include "spool/scan.h"

#include "common/io/file.h"
#include "common/mime/header.h"
#include "spool/fingerprint.h"
#include "spool/mbox.h"
#include "spool/visible.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WINDOW = 256 * 1024,
	/* From a From_ line without a date on: the name of a field follows. */
	LOOKAHEAD = 2048
};

struct scan {
	struct message *list;
	size_t count, room;
	struct message *now;         /* the message under way, or NULL */
	struct mbox_decoder decoder; /* of it */
	off_t at;                    /* in the file */
	int fd;
	int64_t from;      /* here the scan began */
	int64_t size;      /* of the mailbox */
	int64_t length;    /* Content-Length of the message, or -1 */
	int64_t body_end;  /* up to here no From_ line counts */
	bool from_allowed; /* the line before was empty, or none */
	bool empty_line;   /* one was seen that may be a separator */
	bool in_from;      /* in a From_ line longer than the window */
	bool open_line;    /* the last line has not ended */
	off_t empty_at;
	struct fingerprint print; /* of the From_ line, then of what a client
	                             sees */
	char window[WINDOW];
};

/* The From_ line of the message under way has ended, or the file has. */
static void
end_from(struct scan *s)
{
	if (s->in_from) {
		s->now->from = fingerprint_end(&s->print);
		s->in_from = false;
	}
}

/* Takes a From_ line, or a piece of one that is longer than the window. */
static void
take_from(struct scan *s, const struct mbox_line *line)
{
	s->in_from = true;
	s->now->text = s->at + (int64_t)line->size;
	fingerprint_add(&s->print, line->text, line->len);
	if (line->ends) {
		end_from(s);
	}
}

/* The message under way ends at offset end; the next one starts at next. */
static void
finish(struct scan *s, off_t end, off_t next)
{
	if (s->now == NULL) {
		return;
	}
	if (s->open_line) {
		fingerprint_add(&s->print, "\n", 1); /* as it is sent */
		s->now->octets += 2;
		s->open_line = false;
	}
	end_from(s);
	s->now->print = fingerprint_end(&s->print);
	s->now->unknown = true;
	s->now->ascii = s->now->octets;
	s->now->end = end;
	s->now->next = next;
	s->now->pseudo = s->decoder.pseudo && s->from == 0 && s->count == 1;
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
	take_from(s, line);
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
	fingerprint_add(&s->print, line->text, line->len);
	s->now->octets += line->len;
	if (line->ends) {
		fingerprint_add(&s->print, "\n", 1);
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

/* True if a header field follows the From_ line here. */
static bool
field_follows(const struct scan *s)
{
	char text[LOOKAHEAD];
	size_t lead;
	ssize_t n = file_read_some(s->fd, text, sizeof(text), s->at);

	return n > 0 &&
	       header_top(text, (size_t)n, false, &lead) == HEADER_TOP_SECTION;
}

/* True if the line begins a message. */
static bool
is_start(const struct scan *s, const struct mbox_line *line)
{
	return s->at >= s->body_end && mbox_is_from(line, !s->from_allowed) &&
	       (s->now == NULL || mbox_is_from(line, true) || field_follows(s));
}

static int
take_line(struct scan *s, struct mbox_line *line)
{
	if (s->in_from) {
		take_from(s, line);
		return 0;
	}
	if (is_start(s, line)) {
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

/* Looks at those that are others for clients without UTF-8. */
static int
measure(struct scan *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i].raw &&
		    visible_measure(s->fd, &s->list[i]) == -1) {
			return -1;
		}
	}
	return 0;
}

int
scan_mailbox(int fd, int64_t from, struct message **list, size_t *count)
{
	struct scan *s = malloc(sizeof(*s));
	int result = -1;

	if (s == NULL) {
		return -1;
	}
	memset(s, 0, offsetof(struct scan, print));
	fingerprint_start(&s->print);
	s->from_allowed = true;
	s->at = s->from = from;
	s->fd = fd;
	s->size = lseek(fd, 0, SEEK_END);
	if (scan_windows(s, fd) == 0) {
		finish(s, s->empty_line ? s->empty_at : s->at, s->at);
		result = measure(s);
	}
	int saved = errno;
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
