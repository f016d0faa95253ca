/* SPDX-License-Identifier: ISC */
/* Cuts what comes by a descriptor into lines. */
#include "smtpd/send/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Reads some more; false: an error.  At the end, over is set. */
static bool
fill(struct input *in)
{
	if (in->at > 0) {
		memmove(in->data, in->data + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
	}
	ssize_t n;
	do {
		n = read(in->fd, in->data + in->len, INPUT_SIZE - in->len);
	} while (n == -1 && errno == EINTR);
	if (n == -1) {
		return false;
	}
	in->over = n == 0;
	in->len += (size_t)n;
	return true;
}

/* Whether a line, or as much of one as there is room for, is there. */
static bool
ready(const struct input *in, const char **lf)
{
	size_t rest = in->len - in->at;

	*lf = memchr(in->data + in->at, '\n', rest);
	return *lf != NULL || in->over || rest == INPUT_SIZE;
}

/* The piece at the start of what is there. */
static void
cut(struct input *in, const char *lf, struct piece *p)
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
	while (!ready(in, &lf)) {
		if (!fill(in)) {
			return INPUT_ERROR;
		}
	}
	if (in->at == in->len && !in->inside) {
		return INPUT_END;
	}
	cut(in, lf, p);
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

void
input_again(struct input *in)
{
	in->again = true;
}
