/* SPDX-License-Identifier: ISC */
/* The few primitives we need, by GnuTLS. */
#include "common/tls/crypto.h"
#include "common/tls/tls_private.h"

#include <stdlib.h>
#include <string.h>

struct crypto_hash {
	gnutls_hash_hd_t handle;
};

struct crypto_hash *
crypto_hash_open(void)
{
	const struct tls_library *lib = tls_library();
	struct crypto_hash *h = calloc(1, sizeof(*h));

	if (h == NULL || lib == NULL ||
	    lib->gnutls_hash_init(&h->handle, GNUTLS_DIG_SHA256) < 0) {
		free(h);
		return NULL;
	}
	return h;
}

void
crypto_hash_add(struct crypto_hash *h, const void *data, size_t len)
{
	(void)tls_library()->gnutls_hash(h->handle, data, len);
}

void
crypto_hash_result(struct crypto_hash *h, uint8_t digest[CRYPTO_SHA256])
{
	const struct tls_library *lib = tls_library();

	lib->gnutls_hash_deinit(h->handle, digest);
	if (lib->gnutls_hash_init(&h->handle, GNUTLS_DIG_SHA256) < 0) {
		abort();
	}
}

void
crypto_hash_close(struct crypto_hash *h)
{
	if (h != NULL) {
		tls_library()->gnutls_hash_deinit(h->handle, NULL);
		free(h);
	}
}

int
crypto_sha256(const void *data, size_t len, uint8_t digest[CRYPTO_SHA256])
{
	struct crypto_hash *h = crypto_hash_open();

	if (h == NULL) {
		return -1;
	}
	crypto_hash_add(h, data, len);
	crypto_hash_result(h, digest);
	crypto_hash_close(h);
	return 0;
}

size_t
crypto_size(enum crypto_kind kind)
{
	return kind == CRYPTO_KIND_SHA1 ? CRYPTO_SHA1 : CRYPTO_SHA256;
}

static gnutls_mac_algorithm_t
mac(enum crypto_kind kind)
{
	return kind == CRYPTO_KIND_SHA1 ? GNUTLS_MAC_SHA1 : GNUTLS_MAC_SHA256;
}

int
crypto_digest(enum crypto_kind kind, const void *data, size_t len,
    uint8_t digest[CRYPTO_SHA256])
{
	const struct tls_library *lib = tls_library();

	if (lib == NULL) {
		return -1;
	}
	return lib->gnutls_hash_fast(kind == CRYPTO_KIND_SHA1
					 ? GNUTLS_DIG_SHA1
					 : GNUTLS_DIG_SHA256,
		   data, len, digest) == 0
	           ? 0
	           : -1;
}

int
crypto_hmac(enum crypto_kind kind, const void *key, size_t keylen,
    const void *data, size_t len, uint8_t digest[CRYPTO_SHA256])
{
	const struct tls_library *lib = tls_library();

	if (lib == NULL) {
		return -1;
	}
	return lib->gnutls_hmac_fast(
		   mac(kind), key, keylen, data, len, digest) == 0
	           ? 0
	           : -1;
}

int
crypto_pbkdf2(enum crypto_kind kind, const char *password, const void *salt,
    size_t saltlen, unsigned iterations, uint8_t key[CRYPTO_SHA256])
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t p = { .data = (void *)(uintptr_t)password,
		.size = (unsigned)strlen(password) };
	gnutls_datum_t s = { .data = (void *)(uintptr_t)salt,
		.size = (unsigned)saltlen };

	if (lib == NULL) {
		return -1;
	}
	return lib->gnutls_pbkdf2(
		   mac(kind), &p, &s, iterations, key, crypto_size(kind)) == 0
	           ? 0
	           : -1;
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
