/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_PART_H
#define RESTANTE_SMTPD_SEND_PART_H

#include "common/mime/mimetype.h"
#include "smtpd/send/source.h"

#include <stdbool.h>
#include <stdio.h>

enum { PART_ID = 320 };

/* A file that goes along. */
struct part {
	struct source source;
	const char *name; /* for the other side: no folders */
	bool shown;       /* within the text, if a mail reader can do that */
	bool referred;    /* by the HTML, as id */
	char id[PART_ID]; /* of Content-ID, without the brackets */
};

/* Text or HTML, of which it is known what it holds. */
struct text {
	struct source source;
	struct transfer_count count;
};

/* The facts about a part that are needed before it is written. */
struct part_form {
	char type[MIMETYPE_SIZE];
	const char *charset; /* or NULL */
	enum transfer transfer;
};

/*
 * The form of a file: its type by its name, and base64, for that is the one
 * encoding that leaves each octet what it was.  A mail that is no plain ASCII
 * goes as application/octet-stream, because message/rfc822 must not be encoded
 * (RFC 2046 section 5.2.1).
 */
int part_form(struct part *, struct part_form *)
    __attribute__((warn_unused_result));

/* Writes the fields of a file, without the empty line. */
int part_head(const struct part *, const struct part_form *, FILE *out)
    __attribute__((warn_unused_result));

/* Makes a part of a text; subtype is "plain" or "html". */
enum transfer part_text_head(
    const struct text *, const char *subtype, FILE *out);

/* Writes "name: " and the text, encoded, folded.  Any text may be given. */
int part_field(const char *name, const char *text, FILE *out)
    __attribute__((warn_unused_result));

#endif
