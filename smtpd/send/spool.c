/* SPDX-License-Identifier: ISC */
/* Keeps what comes from a pipe, for mail to very many. */
#include "smtpd/send/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct spool {
	FILE *file;
	struct input input;
};

/* All that is left, with LF behind each line. */
static int
keep(struct input *in, FILE *file)
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

struct spool *
spool_open(struct input *in)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->file = tmpfile()) == NULL) {
		free(s);
		return NULL;
	}
	if (keep(in, s->file) != 0) {
		int saved = errno;
		spool_close(s);
		errno = saved;
		return NULL;
	}
	return s;
}

struct input *
spool_rewind(struct spool *s)
{
	int fd = fileno(s->file);

	/* One that cannot be rewound is found out by reading. */
	s->input = (struct input){ .fd = lseek(fd, 0, SEEK_SET) == -1 ? -1 : fd,
		.dot_is_text = true,
		.started = true };
	return &s->input;
}

void
spool_close(struct spool *s)
{
	fclose(s->file);
	free(s);
}
