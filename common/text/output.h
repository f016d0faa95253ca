/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_OUTPUT_H
#define RESTANTE_COMMON_TEXT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* Octets that are written, in memory that grows.  Begins zeroed. */
struct output {
	char *data;
	size_t len, room;
	bool failed; /* no memory: something is missing */
};

void output_add(struct output *, const void *data, size_t len);
void output_text(struct output *, const char *text);
/* Empties it, and keeps the memory. */
void output_clear(struct output *);
void output_free(struct output *);

/* Octets of the current line, after the last line end. */
size_t output_column(const struct output *);

#endif
