/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_PUNYCODE_H
#define RESTANTE_COMMON_TEXT_PUNYCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The encoding of labels outside ASCII (RFC 3492).  Pure. */

enum { PUNYCODE_POINTS = 64 }; /* a label has at most 63 octets when encoded */

/* Writes "xn--" and the code points, which were mapped; false: no room. */
bool punycode_label(
    const uint32_t *points, size_t count, char *out, size_t size);

#endif
