/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_CHARSET_H
#define RESTANTE_COMMON_MIME_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Text in a charset to UTF-8, with NUL.  us-ascii, utf-8, iso-8859-1 and
 * windows-1252 are known here, others to iconv(3), which may open files: not
 * for sandboxes.  Octets that mean nothing there become U+FFFD.  The length, or
 * -1 with errno: EINVAL: unknown charset; EMSGSIZE: does not fit (for those
 * known here 3 * len + 1 octets always do).
 */
ssize_t charset_decode(const char *charset, const char *text, size_t len,
    char *out, size_t size) __attribute__((warn_unused_result));

/* True if text is UTF-8 throughout.  Pure. */
bool charset_is_utf8(const char *text, size_t len);

#endif
