/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_FINGERPRINT_H
#define RESTANTE_SPOOL_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Sums that tell data from other data at the speed of memory.  They guard
 * against damage and change, not against enemies.  Pure.
 */

/* FNV-1a, by words where it can. */
uint64_t fingerprint_of(const void *data, size_t len);

enum { FINGERPRINT_STAGE = 16 * 1024 };

/* The fingerprint of a text that comes in pieces, however it is cut. */
struct fingerprint {
	uint64_t lanes[4];
	uint64_t total;
	size_t staged;
	char stage[FINGERPRINT_STAGE];
};

void fingerprint_start(struct fingerprint *);
void fingerprint_add(struct fingerprint *, const char *text, size_t len);
/* Ends one text, and starts the next. */
uint64_t fingerprint_end(struct fingerprint *);

#endif
