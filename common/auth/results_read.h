/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_RESULTS_READ_H
#define RESTANTE_COMMON_AUTH_RESULTS_READ_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Authentication-Results (RFC 8601 section 2.2), and those of ARC, read: by
 * those who know whose they are.  Pure.
 */

/* "; method=result ..." */
struct results_item {
	struct span method, result;
	struct span rest; /* reason and properties, comments and all */
};

/* Takes the authserv-id off; *rest is what comes after it.  false: it is not
   that one. */
bool results_of(struct span value, const char *id, struct span *rest);

/* Does the same for any authserv-id. */
bool results_of_anybody(struct span value, struct span *rest);

/*
 * Takes the instance off, which the results of ARC begin with (RFC 8617 section
 * 4.1.1): "i=1;".  *rest is what comes after it.  false: there is none.
 */
bool results_instance(
    struct span value, struct span *digits, struct span *rest);

/* The next result; those that are malformed are passed over. */
bool results_next(struct span *rest, struct results_item *);

/* True if that is its method and result, in any case. */
bool results_is(
    const struct results_item *, const char *method, const char *result);

/*
 * The value of "type.name=value", without quotes.  false: it is not there, or
 * does not fit.
 */
bool results_value(
    const struct results_item *, const char *property, char *out, size_t size);

struct dmarc;

/*
 * True if they say that the author's domain vouched, by the outcome of its
 * policy here: DMARC passed for it, or SPF or DKIM did for a domain that is
 * aligned with it.  Where DMARC failed for it, nothing else counts.
 */
bool results_vouch(struct span rest, const struct dmarc *);

#endif
