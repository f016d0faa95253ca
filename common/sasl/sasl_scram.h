/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SASL_SCRAM_H
#define RESTANTE_COMMON_SASL_SASL_SCRAM_H

#include "common/sasl/sasl.h"

#include <stdbool.h>
#include <stddef.h>

/* Between sasl.c and sasl_scram.c, which has the exchange of SCRAM. */

/* The client's answer to what was said last. */
enum sasl_result sasl_scram_step(struct sasl *, const char *data, size_t len);

/* Copies bytes without NUL into a field.  false: they do not fit. */
bool sasl_field(char *dst, size_t size, const char *src, size_t len);

/* Lets this login fail, whatever the client sends. */
enum sasl_result sasl_fail(struct sasl *, const char *wrong);

#endif
