/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_CERTIFICATE_H
#define RESTANTE_COMMON_TLS_CERTIFICATE_H

#include <stddef.h>

/* A certificate that signs itself, for a start. */

enum { CERTIFICATE_PEM = 8192 };

/*
 * Makes an ECDSA P-256 key and a certificate for a server of that name, good
 * from an hour ago for ten years: one PEM text, the key first.  0, or -1,
 * logged.
 */
int certificate_make(const char *hostname, char pem[CERTIFICATE_PEM])
    __attribute__((warn_unused_result));

#endif
