/* SPDX-License-Identifier: ISC */
/* The few primitives we need, by Nettle, which GnuTLS is made with. */
#include "common/tls/crypto.h"

#include <nettle/hmac.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha1.h>
#include <nettle/version.h>
#include <string.h>

/* From version 4 on a digest is always whole. */
#if NETTLE_VERSION_MAJOR >= 4
#define WHOLE(size)
#else
#define WHOLE(size) (size),
#endif

void
crypto_hash_begin(struct crypto_hash *h)
{
	sha256_init(&h->context);
}

void
crypto_hash_add(struct crypto_hash *h, const void *data, size_t len)
{
	sha256_update(&h->context, len, data);
}

void
crypto_hash_result(struct crypto_hash *h, uint8_t digest[CRYPTO_SHA256])
{
	sha256_digest(&h->context, WHOLE(CRYPTO_SHA256) digest);
}

void
crypto_sha256(const void *data, size_t len, uint8_t digest[CRYPTO_SHA256])
{
	crypto_digest(CRYPTO_KIND_SHA256, data, len, digest);
}

void
crypto_sha512(const void *data, size_t len, uint8_t digest[CRYPTO_SHA512])
{
	struct sha512_ctx context;

	sha512_init(&context);
	sha512_update(&context, len, data);
	sha512_digest(&context, WHOLE(CRYPTO_SHA512) digest);
}

size_t
crypto_size(enum crypto_kind kind)
{
	return kind == CRYPTO_KIND_SHA1 ? CRYPTO_SHA1 : CRYPTO_SHA256;
}

void
crypto_digest(enum crypto_kind kind, const void *data, size_t len,
    uint8_t digest[CRYPTO_SHA256])
{
	struct sha256_ctx sha256;
	struct sha1_ctx sha1;

	if (kind == CRYPTO_KIND_SHA1) {
		sha1_init(&sha1);
		sha1_update(&sha1, len, data);
		sha1_digest(&sha1, WHOLE(CRYPTO_SHA1) digest);
	} else {
		sha256_init(&sha256);
		sha256_update(&sha256, len, data);
		sha256_digest(&sha256, WHOLE(CRYPTO_SHA256) digest);
	}
}

void
crypto_hmac(enum crypto_kind kind, const void *key, size_t keylen,
    const void *data, size_t len, uint8_t digest[CRYPTO_SHA256])
{
	struct hmac_sha256_ctx sha256;
	struct hmac_sha1_ctx sha1;

	if (kind == CRYPTO_KIND_SHA1) {
		hmac_sha1_set_key(&sha1, keylen, key);
		hmac_sha1_update(&sha1, len, data);
		hmac_sha1_digest(&sha1, WHOLE(CRYPTO_SHA1) digest);
		explicit_bzero(&sha1, sizeof(sha1));
	} else {
		hmac_sha256_set_key(&sha256, keylen, key);
		hmac_sha256_update(&sha256, len, data);
		hmac_sha256_digest(&sha256, WHOLE(CRYPTO_SHA256) digest);
		explicit_bzero(&sha256, sizeof(sha256));
	}
}

void
crypto_pbkdf2(enum crypto_kind kind, const char *password, const void *salt,
    size_t saltlen, unsigned iterations, uint8_t key[CRYPTO_SHA256])
{
	size_t len = strlen(password);
	const void *text = password;

	if (kind == CRYPTO_KIND_SHA1) {
		pbkdf2_hmac_sha1(
		    len, text, iterations, saltlen, salt, CRYPTO_SHA1, key);
	} else {
		pbkdf2_hmac_sha256(
		    len, text, iterations, saltlen, salt, CRYPTO_SHA256, key);
	}
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differs = 0;

	for (size_t i = 0; i < len; i++) {
		differs |= x[i] ^ y[i];
	}
	return differs == 0;
}
