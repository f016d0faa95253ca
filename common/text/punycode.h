/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_PUNYCODE_H
#define RESTANTE_COMMON_TEXT_PUNYCODE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Domain names outside ASCII as the DNS has them (RFC 3492, RFC 5890).  Pure.
 *
 * Labels are encoded as they are: one with capitals outside ASCII, or that is
 * composed in another way than the standard says, is another name, which does
 * not exist.
 */

/*
 * Writes the domain with "xn--" labels for those that are not ASCII.  False:
 * not UTF-8, not characters of a name, or it does not fit.
 */
bool punycode_domain(const char *domain, size_t len, char *out, size_t size);

#endif
