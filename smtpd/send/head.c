/* SPDX-License-Identifier: ISC */
/* Reads the header section of a message. */
#include "smtpd/send/head.h"

#include "common/mime/header.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether a line goes on with the header section that there is. */
static bool
belongs(const struct piece *p, bool any)
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
		if (!belongs(&p, taken > 0)) {
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
