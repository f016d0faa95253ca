/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_UTF8_H
#define RESTANTE_COMMON_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8 as RFC 3629 section 4 has it, strict.  Pure. */

/*
 * The character at the start of text, of which there is at least one octet, and
 * how many octets it has.  -1: no UTF-8, and one octet is to be skipped.
 */
int32_t utf8_next(const char *text, size_t len, size_t *used);

/*
 * True if a character is safe to show to people: no control character of ASCII
 * or of Latin 1 (which terminals obey), none that turns the direction of what
 * follows, and none that ends a line.
 */
bool utf8_is_text(int32_t character);

#endif
