/* SPDX-License-Identifier: ISC */
/*
 * The message of a filter: the file of the session.  Another body is kept after
 * the message until the filter has said its last word.
 */
#include "common/io/file.h"
#include "smtpd/filter/filter_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTION = 4 * 1024 * 1024 }; /* octets of a header section */

int
filter_read(struct filtering *f)
{
	size_t head = (size_t)f->question.head, used;

	f->room = f->size < SECTION ? f->size : SECTION;
	f->header = malloc(f->room + 1);
	if (f->header == NULL) {
		return -1;
	}
	if (f->question.head > f->room) {
		errno = EINVAL;
		return -1;
	}
	if (file_read(f->fd, f->header, f->room, 0) == -1) {
		return -1;
	}
	if (edits_open(&f->edits, f->header + head, f->room - head, &used) ==
	    -1) {
		f->too_long = errno == E2BIG;
		return f->too_long ? 0 : -1;
	}
	f->body = head + used;
	f->too_long = f->body == f->room && f->room < f->size;
	return 0;
}

ssize_t
filter_read_body(struct filtering *f, size_t *at, char out[PACKET_SENT])
{
	static char piece[PACKET_SENT / 2];
	size_t left = f->size - *at;
	size_t len = left < sizeof(piece) ? left : sizeof(piece);
	ssize_t n = 0;

	if (len == 0) {
		return 0;
	}
	if (file_read(f->fd, piece, len, (off_t)*at) == -1) {
		return -1;
	}
	*at += len;
	for (size_t i = 0; i < len; i++) {
		if (piece[i] == '\n') {
			out[n++] = '\r';
		}
		out[n++] = piece[i];
	}
	return n;
}

/* Adds octets after what there is. */
static int
append(struct filtering *f, const char *data, size_t len)
{
	uint64_t most = config_body_limit(f->config);

	if (len == 0) {
		return 0;
	}
	if (most != 0 && f->new_end - f->size + f->body + len > most) {
		errno = EFBIG;
		return -1;
	}
	if (file_write(f->fd, data, len, (off_t)f->new_end) == -1) {
		return -1;
	}
	f->new_end += len;
	f->last = data[len - 1];
	return 0;
}

/* Its lines end in LF from here on, whatever the filter has. */
int
filter_keep_piece(struct filtering *f, const struct packet *p)
{
	static char piece[64 * 1024];
	size_t n = 0;

	for (size_t i = 0; i < p->len; i++) {
		char c = p->data[i];
		if (c == '\0') {
			errno = EILSEQ;
			return -1;
		}
		if (n + 2 > sizeof(piece)) {
			if (append(f, piece, n) == -1) {
				return -1;
			}
			n = 0;
		}
		if (f->cr && c != '\n') {
			piece[n++] = '\n';
		}
		f->cr = c == '\r';
		if (!f->cr) {
			piece[n++] = c;
		}
	}
	return append(f, piece, n);
}

int
filter_drop_pieces(struct filtering *f)
{
	bool there = f->new_end > f->size;

	f->new_end = f->size;
	return there ? ftruncate(f->fd, (off_t)f->size) : 0;
}

/* Ends the last line of another body. */
static int
end_body(struct filtering *f)
{
	bool open = f->cr || (f->new_end > f->size && f->last != '\n');

	return open ? append(f, "\n", 1) : 0;
}

int
filter_rewrite(struct filtering *f)
{
	size_t head = (size_t)f->question.head;
	bool replaced = f->milter.replaced;

	if (!f->milter.edited && !replaced) {
		return 0;
	}
	if (replaced && end_body(f) == -1) {
		return -1;
	}
	/* And an empty line and a NUL. */
	size_t size = head + edits_size(&f->edits) + 2;
	struct writer w = { .out = malloc(size), .size = size };
	if (w.out == NULL) {
		return -1;
	}
	writer_add(&w, f->header, head);
	edits_write(&f->edits, &w);
	writer_octet(&w, '\n');
	size_t from = replaced ? f->size : f->body;
	size_t len = (replaced ? f->new_end : f->size) - from;
	int result = -1;
	if (file_move(f->fd, (off_t)from, (off_t)w.len, len) == 0 &&
	    ftruncate(f->fd, (off_t)(w.len + len)) == 0) {
		result = file_write(f->fd, w.out, w.len, 0);
	}
	free(w.out);
	return result;
}
