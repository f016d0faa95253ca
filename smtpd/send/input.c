/* SPDX-License-Identifier: ISC */
/* Cuts what comes by a descriptor into lines. */
#include "smtpd/send/input.h"

#include "common/io/file.h"
#include "common/mime/header.h"

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
	bool cr = p->len > 0 && text[p->len - 1] == '\r';
	if (cr && lf != NULL) {
		p->len--;
	} else if (cr && !in->over) {
		/* Its LF may be what comes next. */
		in->used = --p->len;
	}
	in->inside = !p->last;
}

static bool
is_mbox_line(const struct piece *p)
{
	return p->first && p->last && p->len >= 5 &&
	       memcmp(p->text, "From ", 5) == 0;
}

static bool
is_dot(const struct piece *p)
{
	return p->first && p->last && p->len == 1 && *p->text == '.';
}

enum input_event
input_next(struct input *in, struct piece *p)
{
	const char *lf;

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
	if (memchr(p->text, '\0', p->len) != NULL) {
		return INPUT_NUL;
	}
	if (!in->started) {
		in->started = true;
		if (is_mbox_line(p)) {
			return input_next(in, p);
		}
	}
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

/* True if a line continues the header section. */
static bool
is_header_line(const struct piece *p, bool any)
{
	struct field f;

	if (!p->first) {
		return true;
	}
	if (p->len > 0 && (*p->text == ' ' || *p->text == '\t')) {
		return any;
	}
	return header_split(p->text, p->len, &f);
}

static void
write_piece(const struct piece *p, FILE *out)
{
	for (size_t i = 0; i < p->len; i++) {
		putc_unlocked(p->text[i] == '\r' ? ' ' : p->text[i], out);
	}
	if (p->last) {
		putc_unlocked('\n', out);
	}
}

static enum head_result
read_lines(struct input *in, FILE *out)
{
	struct piece p;
	size_t taken = 0;

	for (;;) {
		switch (input_next(in, &p)) {
		case INPUT_PIECE:
			break;
		case INPUT_END:
			return HEAD_OK;
		case INPUT_NUL:
			return HEAD_NUL;
		case INPUT_ERROR:
			return HEAD_ERROR;
		}
		if (p.first && p.last && p.len == 0) {
			return HEAD_OK;
		}
		if (!is_header_line(&p, taken > 0)) {
			input_again(in);
			return HEAD_OK;
		}
		taken += p.len + 1;
		if (taken > HEAD_MOST) {
			return HEAD_LONG;
		}
		write_piece(&p, out);
	}
}

enum head_result
head_read(struct input *in, char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);

	if (out == NULL) {
		return HEAD_ERROR;
	}
	enum head_result result = read_lines(in, out);
	if (fclose(out) == EOF && result == HEAD_OK) {
		result = HEAD_ERROR;
	}
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
		case INPUT_NUL:
			errno = EBADMSG;
			return -1;
		case INPUT_ERROR:
			return -1;
		}
	}
}

struct input_copy *
input_copy_open(struct input *in)
{
	struct input_copy *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->file = tmpfile()) == NULL) {
		free(s);
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
		.dot_is_text = true,
		.started = true };
	return &s->input;
}

void
input_copy_close(struct input_copy *s)
{
	fclose(s->file);
	free(s);
}
