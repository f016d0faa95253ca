/* SPDX-License-Identifier: ISC */
/* Octets, whatever the locale. */
#include "common/text/bytes.h"

#include <errno.h>
#include <string.h>

int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}

void
writer_add(struct writer *w, const char *text, size_t len)
{
	if (w->size - w->len <= len) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->len, text, len);
	w->len += len;
	w->column += len;
}

void
writer_text(struct writer *w, const char *text)
{
	writer_add(w, text, strlen(text));
}

void
writer_octet(struct writer *w, char c)
{
	writer_add(w, &c, 1);
}

void
writer_fold(struct writer *w)
{
	writer_text(w, w->eol);
	w->column = 0;
}

ssize_t
writer_finish(struct writer *w)
{
	if (w->full || w->size == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	w->out[w->len] = '\0';
	return (ssize_t)w->len;
}
