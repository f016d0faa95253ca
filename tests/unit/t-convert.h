/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_CONVERT_H
#define RESTANTE_TESTS_UNIT_T_CONVERT_H

#include "smtpd/relay/convert/convert.h"

#include <stdlib.h>
#include <string.h>

/* The message in pieces of so many octets. */
static inline enum convert_result
convert_pass(struct convert *c, const char *in, size_t len, size_t piece)
{
	for (size_t i = 0; i < len; i += piece) {
		convert_feed(c, in + i, len - i < piece ? len - i : piece);
	}
	return convert_end(c);
}

/* Both passes; what is written stays in *c, which is to be closed. */
static inline enum convert_result
convert_all(struct convert **c, const struct convert_terms *terms,
    const char *in, size_t len, size_t piece)
{
	*c = convert_open(terms);
	if (*c == NULL) {
		abort();
	}
	enum convert_result planned = convert_pass(*c, in, len, piece);
	if (planned != CONVERT_CHANGED) {
		return planned;
	}
	convert_write(*c);
	return convert_pass(*c, in, len, piece);
}

#endif
