/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_DKIM_MAKE_H
#define RESTANTE_COMMON_AUTH_DKIM_MAKE_H

#include "common/auth/dkim.h"
#include "common/text/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Makes DKIM signatures (RFC 6376 section 5), relaxed/relaxed, but for the
 * octets that need a key.  No I/O.
 *
 *   m = dkim_make_open();
 *   dkim_make_feed(m, piece) ...; dkim_make_end(m);
 *   for each key: dkim_make_digest(), the signature, dkim_make_field().
 */

struct dkim_make;

struct dkim_make_key {
	const char *domain, *selector;
	enum public_key_kind kind;
};

/* NULL: no memory, or no hashes. */
struct dkim_make *dkim_make_open(void);
void dkim_make_close(struct dkim_make *);

/* The message, in pieces of any size, with LF or CRLF. */
void dkim_make_feed(struct dkim_make *, const char *data, size_t len);

/* It is over.  false: it cannot be signed (errno E2BIG: its header section has
   more than DKIM_HEADER octets, or more than 20 fields of a name that is
   signed) or there is no memory (ENOMEM). */
bool dkim_make_end(struct dkim_make *) __attribute__((warn_unused_result));

/*
 * The domain of the author: that of all mailboxes of the one field From, as an
 * A-label in small letters.  false: there is none, or more than one.
 */
bool dkim_make_author(const struct dkim_make *, char domain[DKIM_DOMAIN]);

/* The hash to be signed, of a field that dkim_make_field() then completes.
   false: no memory. */
bool dkim_make_digest(struct dkim_make *, const struct dkim_make_key *,
    time_t now, uint8_t digest[CRYPTO_SHA256])
    __attribute__((warn_unused_result));

/* Adds that field, with CRLF at the ends of its lines. */
void dkim_make_field(
    struct dkim_make *, const void *signature, size_t len, struct output *);

#endif
