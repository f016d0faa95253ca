/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_CRAM_H
#define RESTANTE_COMMON_SASL_CRAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The HMAC-MD5 of CRAM-MD5 (RFC 2195, RFC 2104).  Its key is kept as the states
 * of the two MD5s that have seen their pads: less than the password, if not
 * much.
 */

enum {
	CRAM_STATES = 64, /* hex digits: outer, inner */
	CRAM_ANSWER = 32, /* hex digits */
};

void cram_make(const char *password, char states[CRAM_STATES + 1]);

/* The answer to a challenge; false: those are no states. */
bool cram_answer(const char *states, const void *challenge, size_t len,
    char answer[CRAM_ANSWER + 1]);

#endif
