/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_XTEXT_H
#define RESTANTE_COMMON_TEXT_XTEXT_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The xtext of ENVID and ORCPT (RFC 3461 section 4), which is also that of
 * AUTH= (RFC 4954): printable ASCII without blanks, "+" and "=", all else as
 * "+" and two hexadecimal digits.  Pure.
 */

/* Octets of the longest encoded form of n octets, NUL included. */
#define XTEXT_SIZE(n) (3 * (n) + 1)

/* Encodes and adds NUL.  The length without it, or -1: does not fit. */
ssize_t xtext_encode(const char *src, size_t len, char *dst, size_t size)
    __attribute__((warn_unused_result));

/*
 * Decodes and adds NUL.  The length without it, or -1: not xtext, does not
 * fit, or stands for a control character, which could forge a line wherever
 * the text is written later.  Digits in lower case are taken too.
 */
ssize_t xtext_decode(const char *src, size_t len, char *dst, size_t size)
    __attribute__((warn_unused_result));

#endif
