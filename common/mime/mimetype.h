/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_MIMETYPE_H
#define RESTANTE_COMMON_MIME_MIMETYPE_H

#include <stdbool.h>
#include <stddef.h>

/* Content types of files, by the extensions of their names. */

enum { MIMETYPE_SIZE = 256 }; /* RFC 6838 section 4.2, NUL included */

#define MIMETYPE_FILE "/etc/mime.types"

/*
 * From the table that is built in; application/octet-stream for what it does
 * not know.  Pure.
 */
const char *mimetype_builtin(const char *filename);

/*
 * From the text of a file like MIMETYPE_FILE: a type and its extensions on a
 * line, "#" begins a comment; the first line that knows it.  Pure.
 */
bool mimetype_lookup(const char *table, size_t len, const char *filename,
    char type[MIMETYPE_SIZE]);

/*
 * From the table that is built in, else from MIMETYPE_FILE if it can be read,
 * else application/octet-stream.  (In that order, so that what we have tested
 * does not change with the machine.)
 */
void mimetype_find(const char *filename, char type[MIMETYPE_SIZE]);

#endif
