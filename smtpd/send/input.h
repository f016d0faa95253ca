/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_INPUT_H
#define RESTANTE_SMTPD_SEND_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A message as scripts write it, line by line: ends of lines are LF or CR LF,
 * mixed as they like (CRs before an LF are dropped), and the last one may be
 * missing.  A NUL becomes a question mark.
 */

enum { INPUT_SIZE = 64 * 1024 };

/* A line, or a part of one that is longer than the buffer. */
struct piece {
	const char *text; /* valid until the next call; without a line end */
	size_t len;
	bool first, last; /* part of its line */
};

/* Begins with fd and dot_is_text set, all else zero. */
struct input {
	int fd;
	bool dot_is_text; /* else a dot alone on a line ends the message */
	bool inside, again, over;
	char *back; /* lines that are read once more; to be freed */
	size_t back_len, back_at;
	struct piece piece;   /* the last one */
	size_t at, len, used; /* in data: the rest, and that piece in it */
	char data[INPUT_SIZE];
};

enum input_event {
	INPUT_PIECE,
	INPUT_END,
	INPUT_ERROR, /* of reading: errno */
};

enum input_event input_next(struct input *, struct piece *)
    __attribute__((warn_unused_result));

/* The header section of a message, which is held as a whole. */

enum { HEAD_MOST = 1024 * 1024 };

enum head_result {
	HEAD_OK,
	HEAD_LONG,  /* more than HEAD_MOST octets */
	HEAD_ERROR, /* errno */
};

/*
 * Reads up to the body, which input_next() yields next: after an empty line,
 * or from the first line that is not a field.  What has no field that is common
 * in mail is all body, such as "Warning: disk full".  Lines of an mbox on top
 * of the section are skipped.  Lines end in LF; a CR inside one is a blank,
 * lest it end a line elsewhere.  *text is to be freed.
 */
enum head_result head_read(struct input *, char **text, size_t *len)
    __attribute__((warn_unused_result));

/* The rest of a message in an unnamed file, to be read more than once. */

struct input_copy;

/* NULL: errno. */
struct input_copy *input_copy_open(struct input *);

/* The message, from its start. */
struct input *input_copy_rewind(struct input_copy *);

void input_copy_close(struct input_copy *);

#endif
