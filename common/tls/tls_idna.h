/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_IDNA_H
#define RESTANTE_COMMON_TLS_TLS_IDNA_H

#include "common/text/idna.h"

/* Maps labels by libidn2's tables, which GnuTLS has: for idna_use(). */
enum idna tls_idna_label(
    const void *none, const char *label, size_t len, char out[IDNA_LABEL + 1]);

#endif
