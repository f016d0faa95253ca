/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_REPORT_WRAP_TEXT_H
#define RESTANTE_SMTPD_QUEUE_REPORT_WRAP_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Wraps text for people that contains words of strangers: they can forge no
 * line and control no terminal, and lines stay short.  Blanks, tabs and line
 * ends are all one blank; other control characters become "?", and octets that
 * are not UTF-8 become U+FFFD.  Errors of output stay with the stream
 * (ferror()).
 */

enum {
	WRAP_COLUMNS = 76,
	WRAP_WORD = 300, /* octets; longer words are broken (U+FFFD has 3) */
};

struct wrap {
	FILE *out;
	const char *eol;
	bool ascii;     /* everything beyond ASCII becomes "?" */
	bool eight_bit; /* something beyond ASCII was written */
};

/* One line of our own text, as it is; it contains no line end. */
void wrap_line(struct wrap *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A paragraph, each line indented by the given number of blanks. */
void wrap_text(struct wrap *, int indent, const char *text);

/* A reply whose lines were joined by " / ", split into those lines. */
void wrap_reply(struct wrap *, int indent, const char *text);

/* A header field, folded; its text is prefix and text. */
void wrap_field(
    struct wrap *, const char *name, const char *prefix, const char *text);

#endif
