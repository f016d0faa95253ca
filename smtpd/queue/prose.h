/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_PROSE_H
#define RESTANTE_SMTPD_QUEUE_PROSE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Text for people that holds words of strangers: whatever those are, no line
 * is forged, no terminal obeys, and lines stay short.  Blanks, tabs and line
 * ends are all one blank; other control characters become "?", and what is no
 * UTF-8 becomes U+FFFD.  Errors of output stay with the stream (ferror()).
 */

enum {
	PROSE_COLUMNS = 76,
	PROSE_WORD = 300, /* octets; longer ones are broken (rubbish trebles) */
};

struct prose {
	FILE *out;
	const char *eol;
	bool ascii;     /* everything beyond ASCII becomes "?" */
	bool eight_bit; /* something beyond ASCII was written */
};

/* Formatted text of our own, as it is; no line ends in it. */
void prose_line(struct prose *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A paragraph, each line behind so many blanks. */
void prose_wrap(struct prose *, int indent, const char *text);

/* A reply whose lines were joined by " / ", each of them on its own again. */
void prose_reply(struct prose *, int indent, const char *text);

/* A header field, folded; its text is prefix and text. */
void prose_field(
    struct prose *, const char *name, const char *prefix, const char *text);

#endif
