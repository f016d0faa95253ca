/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_RUA_H
#define RESTANTE_COMMON_AUTH_RUA_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Lists of the URIs to which reports are sent, in records of DMARC (RFC 9989)
 * and TLSRPT (RFC 8460).  Pure.
 */

/* Takes the next item, without blanks around it; false: there is none. */
bool rua_next(struct span *list, struct span *item);

/*
 * Copies what follows "mailto:", if it is an address without quotes, escapes
 * and parameters, which may stand in a command as it is.
 */
bool rua_address(struct span text, char *out, size_t size);

#endif
