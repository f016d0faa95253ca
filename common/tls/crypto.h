/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_CRYPTO_H
#define RESTANTE_COMMON_TLS_CRYPTO_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hashes and keys. */

enum { CRYPTO_SHA1 = 20, CRYPTO_SHA256 = 32, CRYPTO_SHA512 = 64 };

/* SHA-1 is for SCRAM-SHA-1, where it is not broken. */
enum crypto_kind { CRYPTO_KIND_SHA256, CRYPTO_KIND_SHA1 };

/* Octets of its digests. */
size_t crypto_size(enum crypto_kind);

/* A SHA-256 under way. */
struct crypto_hash {
	struct sha256_ctx context;
};

void crypto_hash_begin(struct crypto_hash *);
void crypto_hash_add(struct crypto_hash *, const void *data, size_t len);
/* The digest of what was added since the beginning or the last result. */
void crypto_hash_result(struct crypto_hash *, uint8_t digest[CRYPTO_SHA256]);

void crypto_sha256(const void *data, size_t len, uint8_t digest[CRYPTO_SHA256]);
void crypto_sha512(const void *data, size_t len, uint8_t digest[CRYPTO_SHA512]);

/* By either kind: a digest, its HMAC (RFC 2104), PBKDF2 (RFC 8018, 5.2). */
void crypto_digest(enum crypto_kind, const void *data, size_t len,
    uint8_t digest[CRYPTO_SHA256]);
void crypto_hmac(enum crypto_kind, const void *key, size_t keylen,
    const void *data, size_t len, uint8_t digest[CRYPTO_SHA256]);
void crypto_pbkdf2(enum crypto_kind, const char *password, const void *salt,
    size_t saltlen, unsigned iterations, uint8_t key[CRYPTO_SHA256]);

/* Compares in a time that does not depend on where they differ. */
bool crypto_equal(const void *, const void *, size_t len);

#endif
