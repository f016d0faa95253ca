/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_JSON_H
#define RESTANTE_COMMON_IO_JSON_H

#include <stdint.h>
#include <stdio.h>

/* Writes JSON (RFC 8259), which is always valid: what is no UTF-8 in a text
   becomes U+FFFD. */

void json_string(FILE *, const char *text);

/* A further member of an object, after a comma. */
void json_member(FILE *, const char *name, const char *text);
void json_number(FILE *, const char *name, int64_t value);

#endif
