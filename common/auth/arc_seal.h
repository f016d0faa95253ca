/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_ARC_SEAL_H
#define RESTANTE_COMMON_AUTH_ARC_SEAL_H

#include "common/auth/dkim_make.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Adds a set to the Authenticated Received Chain of a message (RFC 8617 section
 * 5.1), but for the octets that need a key.  What was found when it came is
 * taken from the Authentication-Results that it got then.  No I/O.
 *
 *   dkim_make_...(m): the message is fed, and over;
 *   s = arc_seal_open(m, our name);
 *   if (arc_seal_wanted(s, &why)):
 *           arc_seal_message(), a signature, arc_seal_chain(), another one,
 *           arc_seal_fields().
 */

struct arc_seal;

/* m must outlive it.  NULL: no memory. */
struct arc_seal *arc_seal_open(struct dkim_make *m, const char *id);
void arc_seal_close(struct arc_seal *);

/*
 * False if there is nothing to be sealed: why says so.  Nothing is known of how
 * it came; the chain was broken before, and whoever noticed said so; it has as
 * many sets as there may be.
 */
bool arc_seal_wanted(const struct arc_seal *, const char **why);

/* The number of the new set, and its "none", "pass" or "fail". */
unsigned arc_seal_instance(const struct arc_seal *);
const char *arc_seal_status(const struct arc_seal *);

/* The hash to be signed for the ARC-Message-Signature.  false: no memory. */
bool arc_seal_message(struct arc_seal *, const struct dkim_make_key *,
    time_t now, uint8_t digest[CRYPTO_SHA256])
    __attribute__((warn_unused_result));

/* Completes that, and makes the hash for the ARC-Seal. */
bool arc_seal_chain(struct arc_seal *, const void *signature, size_t len,
    uint8_t digest[CRYPTO_SHA256]) __attribute__((warn_unused_result));

/* Adds the three fields, with CRLF at the ends of their lines. */
void arc_seal_fields(
    struct arc_seal *, const void *signature, size_t len, struct output *);

#endif
