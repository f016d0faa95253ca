/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_WORD_H
#define RESTANTE_COMMON_MIME_WORD_H

#include <stddef.h>
#include <sys/types.h>

/* Encoded words: text of any script in header fields (RFC 2047). */

enum {
	WORD_LINE = 76, /* octets of a line that has encoded words */
	WORD_MAX = 75,  /* of one word */
};

enum word_context {
	WORD_TEXT,   /* Subject and the like */
	WORD_PHRASE, /* the display name before an address */
	WORD_WORDS,  /* encoded words always, with what phrases may hold */
};

/* Room that is enough for the decoded form of len octets, NUL included. */
#define WORD_DECODED(len) (3 * (len) + 1)

/*
 * Decodes the value of a field to UTF-8 and adds NUL.  Folds become blanks,
 * blanks between encoded words go, NULs go.  Words that are malformed or in an
 * unknown charset stay as they are, raw octets that are no UTF-8 become U+FFFD.
 * The text may hold any other character, those for terminals too.  The length,
 * or -1: does not fit.  May open files (iconv(3)) for the sake of rare
 * charsets: not for sandboxes.
 */
ssize_t word_decode(const char *value, size_t len, char *out, size_t size)
    __attribute__((warn_unused_result));

/* Decodes a display name: quotes and backslashes go, too. */
ssize_t word_decode_phrase(const char *value, size_t len, char *out,
    size_t size) __attribute__((warn_unused_result));

/* Room that is enough for the encoded form of len octets, NUL included. */
#define WORD_ENCODED(len) (12 * (len) + 100)

/*
 * Encodes text as the value of a field, and folds it: column is how many octets
 * of the first line are taken ("Subject: " has 9), eol is "\n" or "\r\n".  The
 * last line has no end; NUL is added.  What needs no encoding stays readable: a
 * phrase becomes a quoted string where that will do.  Control characters become
 * blanks, so that nobody can forge a field.  Text that is no UTF-8 is labelled
 * unknown-8bit (RFC 1428).  The length, or -1: does not fit.  Pure.
 */
ssize_t word_encode(enum word_context, const char *text, size_t len,
    size_t column, const char *eol, char *out, size_t size)
    __attribute__((warn_unused_result));

#endif
