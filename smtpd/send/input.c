/* SPDX-License-Identifier: ISC */
/* Cuts what comes by a descriptor into lines. */
#include "smtpd/send/input.h"

#include "common/io/file.h"
#include "common/mime/header.h"
#include "smtpd/send/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads some more; false: an error.  At the end, over is set. */
static bool
fill_buffer(struct input *in)
{
	if (in->at > 0) {
		memmove(in->data, in->data + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
	}
	ssize_t n = file_next(in->fd, in->data + in->len, INPUT_SIZE - in->len);
	if (n == -1) {
		return false;
	}
	in->over = n == 0;
	/* No message can hold a NUL, and none is refused for it: whoever reads
	   the output of a program would never hear of it. */
	for (ssize_t i = 0; i < n; i++) {
		char *octet = in->data + in->len + i;
		*octet = *octet == '\0' ? '?' : *octet;
	}
	in->len += (size_t)n;
	return true;
}

/* True if a line, or as much of one as there is room for, was read. */
static bool
line_is_ready(const struct input *in, const char **lf)
{
	size_t rest = in->len - in->at;

	*lf = memchr(in->data + in->at, '\n', rest);
	return *lf != NULL || in->over || rest == INPUT_SIZE;
}

/* The piece at the start of what is there. */
static void
cut_piece(struct input *in, const char *lf, struct piece *p)
{
	const char *text = in->data + in->at;
	size_t rest = in->len - in->at;

	*p = (struct piece){ .text = text,
		.len = lf != NULL ? (size_t)(lf - text) : rest,
		.first = !in->inside,
		.last = lf != NULL || in->over };
	in->used = p->len + (lf != NULL);
	size_t n = p->len;
	while (n > 0 && text[n - 1] == '\r') {
		n--;
	}
	if (p->last) {
		p->len = n;
	} else if (n > 0) {
		/* Their LF may be what comes next. */
		in->used = p->len = n;
	}
	in->inside = !p->last;
}

static bool
is_dot(const struct piece *p)
{
	return p->first && p->last && p->len == 1 && *p->text == '.';
}

/* A line that was read before. */
static void
cut_back(struct input *in, struct piece *p)
{
	const char *text = in->back + in->back_at;
	size_t rest = in->back_len - in->back_at;
	const char *lf = memchr(text, '\n', rest);
	size_t n = lf == NULL ? rest : (size_t)(lf - text);
	bool first = in->back_at == 0 || text[-1] == '\n';
	bool last = lf != NULL && n <= INPUT_SIZE;

	n = n < INPUT_SIZE ? n : INPUT_SIZE;
	*p = (struct piece){ text, n, first, last };
	in->back_at += n + last;
}

enum input_event
input_next(struct input *in, struct piece *p)
{
	const char *lf;

	if (in->back_at < in->back_len) {
		cut_back(in, p);
		return INPUT_PIECE;
	}
	if (in->again) {
		in->again = false;
		*p = in->piece;
		return INPUT_PIECE;
	}
	in->at += in->used;
	in->used = 0;
	while (!line_is_ready(in, &lf)) {
		if (!fill_buffer(in)) {
			return INPUT_ERROR;
		}
	}
	if (in->at == in->len && !in->inside) {
		return INPUT_END;
	}
	cut_piece(in, lf, p);
	if (is_dot(p) && !in->dot_is_text) {
		in->over = true;
		in->at = in->len = in->used = 0;
		return INPUT_END;
	}
	in->piece = *p;
	return INPUT_PIECE;
}

/* Returns the last piece once more; only after INPUT_PIECE. */
static void
input_again(struct input *in)
{
	in->again = true;
}

/* ---- the header section ---- */

struct head {
	char *text; /* lines as they came, but for their ends */
	size_t len;
	FILE *out;
	bool any;    /* fields */
	bool common; /* one of them is a field that mail has */
};

/* True if a line may be of the header section. */
static bool
is_header_line(struct head *h, const struct piece *p)
{
	size_t marks = h->any ? 0 : header_marks(p->text, p->len);
	const char *text = p->text + marks;
	size_t len = p->len - marks;
	struct field f;

	if (!p->first) {
		return true;
	}
	if (p->len > 0 && (*p->text == ' ' || *p->text == '\t')) {
		return h->len > 0;
	}
	if (!header_split(text, len, &f)) {
		return !h->any && header_is_mailbox_line(text, len);
	}
	h->any = true;
	h->common = h->common || header_is_common(&f);
	return true;
}

static void
keep_piece(struct head *h, const struct piece *p)
{
	fwrite(p->text, 1, p->len, h->out);
	h->len += p->len;
	if (p->last) {
		putc('\n', h->out);
		h->len++;
	}
}

/* Reads up to the end of what may be a header section. */
static enum head_result
read_lines(struct input *in, struct head *h)
{
	struct piece p;

	for (;;) {
		switch (input_next(in, &p)) {
		case INPUT_PIECE:
			break;
		case INPUT_END:
			return HEAD_OK;
		case INPUT_ERROR:
			return HEAD_ERROR;
		}
		bool empty = p.first && p.last && p.len == 0;
		if (!empty && !is_header_line(h, &p)) {
			input_again(in);
			return HEAD_OK;
		}
		keep_piece(h, &p);
		if (empty) {
			return HEAD_OK;
		}
		if (h->len > HEAD_MOST) {
			return HEAD_LONG;
		}
	}
}

/* Takes the section out of its lines; false: they are text. */
static bool
take_section(struct head *h)
{
	size_t lead;

	if (h->len == 1 && h->text[0] == '\n') {
		h->len = 0; /* an empty one */
		return true;
	}
	if (!h->common ||
	    header_top(h->text, h->len, true, &lead) != HEADER_TOP_SECTION) {
		return false;
	}
	h->len -= lead;
	memmove(h->text, h->text + lead, h->len);
	if (h->len > 1 && memcmp(h->text + h->len - 2, "\n\n", 2) == 0) {
		h->len--; /* the empty line after it */
	}
	for (size_t i = 0; i < h->len; i++) {
		h->text[i] = h->text[i] == '\r' ? ' ' : h->text[i];
	}
	h->text[h->len] = '\0';
	return true;
}

enum head_result
head_read(struct input *in, char **text, size_t *len)
{
	struct head h = { .len = 0 };
	size_t size;

	*text = NULL;
	*len = 0;
	h.out = open_memstream(&h.text, &size);
	if (h.out == NULL) {
		return HEAD_ERROR;
	}
	enum head_result result = read_lines(in, &h);
	if (fclose(h.out) == EOF) {
		result = HEAD_ERROR;
	}
	if (result == HEAD_LONG && !h.common) {
		result = HEAD_OK; /* lines of a log, such as "10:30 done" */
	}
	if (result == HEAD_OK && !take_section(&h)) {
		in->back = h.text;
		in->back_len = h.len;
		return HEAD_OK;
	}
	*text = h.text;
	*len = h.len;
	return result;
}

/* ---- a copy ---- */

struct input_copy {
	FILE *file;
	struct input input;
};

/* Copies the rest, with LF after each line. */
static int
copy_rest(struct input *in, FILE *file)
{
	struct piece p;

	for (;;) {
		switch (input_next(in, &p)) {
		case INPUT_PIECE:
			fwrite(p.text, 1, p.len, file);
			if (p.last) {
				putc('\n', file);
			}
			break;
		case INPUT_END:
			return fflush(file);
		case INPUT_ERROR:
			return -1;
		}
	}
}

struct input_copy *
input_copy_open(struct input *in)
{
	struct input_copy *s = calloc(1, sizeof(*s));

	int fd = s == NULL ? -1 : source_scratch();
	if (fd == -1 || (s->file = fdopen(fd, "w+")) == NULL) {
		int saved = errno;
		if (fd != -1) {
			close(fd);
		}
		free(s);
		errno = saved;
		return NULL;
	}
	if (copy_rest(in, s->file) != 0) {
		int saved = errno;
		input_copy_close(s);
		errno = saved;
		return NULL;
	}
	return s;
}

struct input *
input_copy_rewind(struct input_copy *s)
{
	int fd = fileno(s->file);

	/* If it cannot be rewound, reading will fail. */
	s->input = (struct input){ .fd = lseek(fd, 0, SEEK_SET) == -1 ? -1 : fd,
		.dot_is_text = true };
	return &s->input;
}

void
input_copy_close(struct input_copy *s)
{
	fclose(s->file);
	free(s);
}
