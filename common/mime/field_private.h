/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_FIELD_PRIVATE_H
#define RESTANTE_COMMON_MIME_FIELD_PRIVATE_H

/* Shared by the files field*.c. */

#include "common/text/output.h"

#include <stdbool.h>
#include <stddef.h>

enum words_context {
	WORDS_TEXT,    /* anything readable may stay */
	WORDS_PHRASE,  /* only atoms may */
	WORDS_COMMENT, /* no parentheses may */
};

/*
 * Writes text, which has no line ends, with encoded words for what may not
 * stay, folded.  Encoded words that are there already stay.
 */
void words_write(
    struct output *, enum words_context, const char *text, size_t len);

/* Writes octets with "?" for those beyond ASCII. */
void words_ascii(struct output *, const char *text, size_t len);

/* True if there is an octet beyond ASCII. */
bool words_high(const char *text, size_t len);

enum comments {
	COMMENTS_GO,    /* no encoded words may be there */
	COMMENTS_WORDS, /* they become encoded words */
	COMMENTS_MORE,  /* and what is beyond ASCII elsewhere becomes one */
};

/*
 * Writes a value of which only comments are beyond ASCII.  false: other octets
 * are, too (but for COMMENTS_MORE), and nothing was written.
 */
bool comments_write(
    struct output *, const char *value, size_t len, enum comments);

/*
 * Writes the value of a list of addresses.  One that is not ASCII is written as
 * RFC 6858 section 2.1 has it if surrogate says so; false: it does not.
 */
bool addresses_write(
    struct output *, const char *value, size_t len, bool surrogate);

/*
 * Writes a value with parameters; typed: a Content-Type, that of text if it
 * cannot be read.  charset is what its charset becomes, NULL: it stays.
 */
void params_write(struct output *, const char *value, size_t len, bool typed,
    const char *charset);

#endif
