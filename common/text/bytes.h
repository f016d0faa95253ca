/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_BYTES_H
#define RESTANTE_COMMON_TEXT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Small things that everything that reads and writes octets needs.  Pure. */

/* A part of a text, which belongs to somebody else. */
struct span {
	const char *at;
	size_t len;
};

/* RFC 5234's WSP: a space or a tab. */
static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A blank, or an octet of a line end: what folded header fields hold. */
static inline bool
is_space(char c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

/* The value of a hexadecimal digit, in either case; -1 for any other octet. */
int hex_digit(char c);

/*
 * Writes text into memory of a fixed size, with a NUL after it.  Octets that do
 * not fit are left out, and writer_finish() tells.  Begins with out, size and,
 * where it matters, column and eol set and the rest zeroed.
 */
struct writer {
	char *out;
	size_t size, len;
	size_t column; /* of what comes next, if eol is written by fold alone */
	const char *eol; /* for writer_fold() */
	bool full;       /* something did not fit */
};

void writer_add(struct writer *, const char *text, size_t len);
void writer_text(struct writer *, const char *text);
void writer_octet(struct writer *, char);

/* Ends the line; the blank that a folded field needs next is the caller's. */
void writer_fold(struct writer *);

/* Adds the NUL; the length before it, or -1 with EMSGSIZE. */
ssize_t writer_finish(struct writer *);

#endif
