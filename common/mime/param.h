/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_PARAM_H
#define RESTANTE_COMMON_MIME_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The values of Content-Type, Content-Disposition and their like (RFC 2045
 * section 5.1, RFC 2183), with continuations and charsets (RFC 2231).  Values
 * are given as header_next() gives them, folds and comments and all.
 */

enum {
	PARAM_TYPE = 256,     /* "type/subtype" and its NUL: RFC 6838 4.2 */
	PARAM_SECTIONS = 512, /* of a continued parameter; more are ignored */
};

/*
 * Copies what comes before the parameters, in lower case: "text/plain",
 * "attachment".  false: it cannot be parsed, and type is "".
 */
bool param_type(const char *value, size_t len, char type[PARAM_TYPE]);

/*
 * The parameter of that name, its octets as they were meant: without quotes,
 * sections joined, percent signs undone, no charset converted.  The first of
 * several counts, and an extended one (name*=) before a plain one.  Adds NUL.
 * The length, or -1 with errno: ENOENT; EMSGSIZE: does not fit (len + 1 octets
 * always do).  Pure.  For boundary, charset and the like.
 */
ssize_t param_get(const char *value, size_t len, const char *name, char *out,
    size_t size) __attribute__((warn_unused_result));

/* Octets of a value that param_text() handles; more of it is EMSGSIZE. */
enum { PARAM_LONG = 8192 };

/*
 * Decodes to UTF-8, for filename and name: from the charset it declares, from
 * encoded words (which many senders put there), else as it is, U+FFFD for what
 * is no UTF-8.  May hold any character: a path, dots, those for terminals.
 * 3 * len + 1 octets of room suffice.  Not for sandboxes (word_decode()).
 */
ssize_t param_text(const char *value, size_t len, const char *name, char *out,
    size_t size) __attribute__((warn_unused_result));

/* Room that is enough for the two below, NUL included. */
#define PARAM_ENCODED(name_len, len)                                           \
	((len)*12 + 200 + ((len) / 12 + 4) * ((name_len) + 12))

/*
 * Writes "; name=value", on a line of its own after eol ("\n" or "\r\n") and a
 * blank, and adds NUL: plain or quoted if the value is short ASCII; else as
 * name*=utf-8'' by RFC 2231, continued as often as need be.  Text that is not
 * UTF-8 is labelled unknown-8bit.  Control characters become "_".  The length,
 * or -1: does not fit.  Pure.  For Content-Disposition: readers that see
 * filename= beside filename*= believe the wrong one, so there is only one.
 */
ssize_t param_encode(const char *name, const char *value, size_t len,
    const char *eol, char *out, size_t size)
    __attribute__((warn_unused_result));

/*
 * Encodes for readers that do not know RFC 2231, for name= in Content-Type:
 * a value that is not short ASCII becomes encoded words in quotes.  No standard
 * has that, but those readers do.
 */
ssize_t param_encode_words(const char *name, const char *value, size_t len,
    const char *eol, char *out, size_t size)
    __attribute__((warn_unused_result));

#endif
