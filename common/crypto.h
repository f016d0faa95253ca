/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CRYPTO_H
#define RESTANTE_COMMON_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hashes and keys, by GnuTLS.  Functions answer 0, or -1: not available. */

enum { CRYPTO_SHA256 = 32 };

struct crypto_hash; /* a SHA-256 under way */

struct crypto_hash *crypto_hash_open(void);
void crypto_hash_add(struct crypto_hash *, const void *data, size_t len);
/* The digest of what was added since the opening or the last result. */
void crypto_hash_result(struct crypto_hash *, uint8_t digest[CRYPTO_SHA256]);
void crypto_hash_close(struct crypto_hash *);

int crypto_sha256(const void *data, size_t len, uint8_t digest[CRYPTO_SHA256])
    __attribute__((warn_unused_result));
int crypto_hmac_sha256(const void *key, size_t keylen, const void *data,
    size_t len, uint8_t digest[CRYPTO_SHA256])
    __attribute__((warn_unused_result));
int crypto_pbkdf2_sha256(const char *password, const void *salt, size_t saltlen,
    unsigned iterations, uint8_t key[CRYPTO_SHA256])
    __attribute__((warn_unused_result));

/* Compares in a time that does not depend on where they differ. */
bool crypto_equal(const void *, const void *, size_t len);

#endif
