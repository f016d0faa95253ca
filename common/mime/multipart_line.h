/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_MULTIPART_LINE_H
#define RESTANTE_COMMON_MIME_MULTIPART_LINE_H

#include "common/mime/multipart.h"

#include <stdbool.h>
#include <stddef.h>

/* How common/mime/multipart.c finds delimiters in what it was fed; for it
 * alone. */

/* Octets that were fed and not yet taken. */
size_t multipart_left(const struct multipart *);

/* Whether there is a multipart whose delimiter may come. */
bool multipart_is_watching(const struct multipart *);

/* Octets of the line end that what is held begins with. */
size_t multipart_held_eol(const struct multipart *);

/* Takes octets and holds them; there must be room. */
void multipart_hold(struct multipart *, size_t n);

/* How many of the last octets may begin a line end and a delimiter. */
size_t multipart_tail(const struct multipart *, const char *text, size_t len);

/*
 * Holds a line end and a line as long as they may be a delimiter.  false: more
 * input is needed; else matched or plain says what it is.
 */
bool multipart_gather(struct multipart *);

#endif
