/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_RESULTS_H
#define RESTANTE_COMMON_AUTH_RESULTS_H

#include "common/mime/header.h"
#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Authentication-Results (RFC 8601): written, and found in what others sent.
 * Readers believe a field that has our name in it, so that no message may bring
 * one in.  Pure.
 */

enum { RESULTS_SIZE = 4096 }; /* octets of a field, with the NUL */

/* A field that is being written; begins zeroed. */
struct results {
	struct writer w;
	size_t column;
	size_t start; /* where the first result or key is */
	/* The position of the last result, which is removed if it does not
	   fit as a whole. */
	size_t item, item_column;
	char text[RESULTS_SIZE];
};

/* Begins with our name. */
void results_begin(struct results *, const char *id);

/* Adds "; method=result", with (comment) and reason="..." unless NULL or "". */
void results_add(struct results *, const char *method, const char *result,
    const char *comment, const char *reason);

/* Adds "type.name=value" to the last method; nothing if the value is "". */
void results_property(
    struct results *, const char *property, const char *value);

/* Begins a Received-SPF field (RFC 7208 section 9.1) instead, and adds a key to
   it; nothing if the value is "". */
void results_begin_spf(struct results *, const char *result);
void results_key(struct results *, const char *key, const char *value);

/* Ends it with a line end; its length.  A result or key for which there is no
   room is left out whole. */
size_t results_end(struct results *);

/* True for Authentication-Results with our name, or with none that can be read.
 */
bool results_is_ours(const struct field *, const char *id);

/* True for X-Spam-Flag: YES, by which we mark mail. */
bool results_is_mark(const struct field *);

/* True if a field must not come in from a stranger: such a one; or X-Spam,
   X-Spam-Flag, X-Spam-Status, which we give a meaning. */
bool results_is_forged(const struct field *, const char *id);

#endif
