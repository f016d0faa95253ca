/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_CHUNK_H
#define RESTANTE_SMTPD_SESSION_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The argument of BDAT (RFC 3030 section 2): size [ "LAST" ].  Pure. */

struct chunk {
	uint64_t size; /* octets that follow the line */
	bool last;
};

/*
 * False: malformed, or more than 64 bits count, and so it is unknown where
 * the next command is.
 */
bool chunk_parse(const char *argument, struct chunk *);

/* How many of len octets at hand are of the chunk; takes them off its size. */
size_t chunk_take(struct chunk *, size_t len);

#endif
