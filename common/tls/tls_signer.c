/* SPDX-License-Identifier: ISC */
/*
 * Keys that are elsewhere: what GnuTLS takes for a private key is a number, and
 * a function that asks for signatures.
 */
#include "common/tls/tls_private.h"

#include <stdlib.h>
#include <string.h>

/* What GnuTLS may ask us for; more than one name of the same kind. */
static const struct {
	gnutls_sign_algorithm_t algorithm;
	enum signature_kind kind;
} kinds[] = {
	{ GNUTLS_SIGN_RSA_SHA256, SIGNATURE_RSA_SHA256 },
	{ GNUTLS_SIGN_RSA_SHA384, SIGNATURE_RSA_SHA384 },
	{ GNUTLS_SIGN_RSA_SHA512, SIGNATURE_RSA_SHA512 },
	{ GNUTLS_SIGN_RSA_PSS_SHA256, SIGNATURE_PSS_SHA256 },
	{ GNUTLS_SIGN_RSA_PSS_SHA384, SIGNATURE_PSS_SHA384 },
	{ GNUTLS_SIGN_RSA_PSS_SHA512, SIGNATURE_PSS_SHA512 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, SIGNATURE_PSS_SHA256 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, SIGNATURE_PSS_SHA384 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, SIGNATURE_PSS_SHA512 },
	{ GNUTLS_SIGN_ECDSA_SHA256, SIGNATURE_ECDSA_SHA256 },
	{ GNUTLS_SIGN_ECDSA_SHA384, SIGNATURE_ECDSA_SHA384 },
	{ GNUTLS_SIGN_ECDSA_SHA512, SIGNATURE_ECDSA_SHA512 },
	{ GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, SIGNATURE_ECDSA_SHA256 },
	{ GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, SIGNATURE_ECDSA_SHA384 },
	{ GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, SIGNATURE_ECDSA_SHA512 },
	{ GNUTLS_SIGN_EDDSA_ED25519, SIGNATURE_ED25519 },
	{ GNUTLS_SIGN_EDDSA_ED448, SIGNATURE_ED448 },
};

/* The beginnings of DigestInfo (RFC 8017 section 9.2), before the hash. */
#define DIGEST_INFO(size, number)                                              \
	{                                                                      \
		0x30, 17 + (size), 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,   \
		    0x01, 0x65, 0x03, 0x04, 0x02, (number), 0x05, 0x00, 0x04,  \
		    (size)                                                     \
	}

enum { INFO = 19 };

static const struct {
	enum signature_kind kind;
	uint8_t info[INFO];
} infos[] = {
	{ SIGNATURE_RSA_SHA256, DIGEST_INFO(32, 1) },
	{ SIGNATURE_RSA_SHA384, DIGEST_INFO(48, 2) },
	{ SIGNATURE_RSA_SHA512, DIGEST_INFO(64, 3) },
};

static bool
kind_of(gnutls_sign_algorithm_t algorithm, enum signature_kind *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].algorithm == algorithm) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static int
ask(const struct tls_key *k, enum signature_kind kind, const uint8_t *data,
    size_t size, gnutls_datum_t *signature)
{
	struct signature_question q = {
		.key = k->number, .kind = kind, .size = (uint32_t)size
	};
	struct signature s;

	if (size > sizeof(q.data)) {
		return GNUTLS_E_INVALID_REQUEST;
	}
	memcpy(q.data, data, size);
	if (!signature_valid(&q, sizeof(q)) ||
	    k->signer->sign(k->signer->context, &q, &s) == -1 ||
	    s.size > sizeof(s.octets)) {
		return GNUTLS_E_PK_SIGN_FAILED;
	}
	signature->data = malloc(s.size); /* GnuTLS frees by free(3) */
	if (signature->data == NULL) {
		return GNUTLS_E_MEMORY_ERROR;
	}
	memcpy(signature->data, s.octets, s.size);
	signature->size = s.size;
	return 0;
}

/* For PKCS #1 v1.5 GnuTLS hands over a DigestInfo, with the hash in it. */
static int
sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
    void *context, unsigned flags, const gnutls_datum_t *hash,
    gnutls_datum_t *signature)
{
	const struct tls_key *k = context;
	enum signature_kind kind;

	(void)key;
	(void)flags;
	if (kind_of(algorithm, &kind)) {
		return ask(k, kind, hash->data, hash->size, signature);
	}
	for (size_t i = 0; algorithm == GNUTLS_SIGN_RSA_RAW && i < 3; i++) {
		size_t size = INFO + signature_hash(infos[i].kind);
		if (hash->size == size &&
		    memcmp(hash->data, infos[i].info, INFO) == 0) {
			return ask(k, infos[i].kind, hash->data + INFO,
			    size - INFO, signature);
		}
	}
	return GNUTLS_E_INVALID_REQUEST;
}

static int
sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
    void *context, unsigned flags, const gnutls_datum_t *data,
    gnutls_datum_t *signature)
{
	enum signature_kind kind;

	(void)key;
	(void)flags;
	return kind_of(algorithm, &kind) && signature_hash(kind) == 0
	           ? ask(context, kind, data->data, data->size, signature)
	           : GNUTLS_E_INVALID_REQUEST;
}

/* What GnuTLS wants to know of the key; -1: it may find out otherwise. */
static int
describe(gnutls_privkey_t key, unsigned what, void *context)
{
	const struct tls_key *k = context;
	gnutls_sign_algorithm_t algorithm =
	    (gnutls_sign_algorithm_t)GNUTLS_FLAGS_TO_SIGN_ALGO(what);
	enum signature_kind kind;

	(void)key;
	if ((what & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0) {
		return (int)k->algorithm;
	}
	if ((what & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0) {
		return (int)k->bits;
	}
	if ((what & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0) {
		return kind_of(algorithm, &kind) &&
		       tls_library()->gnutls_sign_supports_pk_algorithm(
			   algorithm, (gnutls_pk_algorithm_t)k->algorithm) != 0;
	}
	return -1;
}

int
tls_key_import(struct tls_key *k, gnutls_privkey_t *key)
{
	const struct tls_library *lib = tls_library();

	int rc = lib->gnutls_privkey_init(key);
	if (rc < 0) {
		return rc;
	}
	/* No function decrypts: RSA key exchange is impossible. */
	rc = lib->gnutls_privkey_import_ext4(
	    *key, k, sign_data, sign_hash, NULL, NULL, describe, 0);
	if (rc < 0) {
		lib->gnutls_privkey_deinit(*key);
	}
	return rc;
}
