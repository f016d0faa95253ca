/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_BASE64_H
#define RESTANTE_COMMON_BASE64_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Base64 as RFC 4648 section 4 has it, strict: no blanks, padding required,
 * the bits behind the last octet zero.  What AUTH (RFC 4954) asks for.
 */

/* Octets of the encoded form of n octets, NUL included. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Encodes and adds NUL.  The length without it, or -1: does not fit. */
ssize_t base64_encode(const void *src, size_t len, char *dst, size_t size)
    __attribute__((warn_unused_result));

/* Decodes.  The length, or -1: malformed or does not fit. */
ssize_t base64_decode(const char *src, size_t len, void *dst, size_t size)
    __attribute__((warn_unused_result));

#endif
