/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_REPORT_WRAP_TEXT_H
#define RESTANTE_SMTPD_QUEUE_REPORT_WRAP_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Text for people that holds words of strangers: whatever those are, no line
 * is forged, no terminal obeys, and lines stay short.  Blanks, tabs and line
 * ends are all one blank; other control characters become "?", and what is no
 * UTF-8 becomes U+FFFD.  Errors of output stay with the stream (ferror()).
 */

enum {
	WRAP_COLUMNS = 76,
	WRAP_WORD = 300, /* octets; longer ones are broken (rubbish trebles) */
};

struct wrap {
	FILE *out;
	const char *eol;
	bool ascii;     /* everything beyond ASCII becomes "?" */
	bool eight_bit; /* something beyond ASCII was written */
};

/* Formatted text of our own, as it is; no line ends in it. */
void wrap_line(struct wrap *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A paragraph, each line behind so many blanks. */
void wrap_text(struct wrap *, int indent, const char *text);

/* A reply whose lines were joined by " / ", each of them on its own again. */
void wrap_reply(struct wrap *, int indent, const char *text);

/* A header field, folded; its text is prefix and text. */
void wrap_field(
    struct wrap *, const char *name, const char *prefix, const char *text);

#endif
