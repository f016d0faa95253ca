/* SPDX-License-Identifier: ISC */
/* Private keys and their certificates, read from files, and signatures. */
#include "common/tls/tls_keys.h"
#include "common/tls/tls_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tls_keys {
	gnutls_certificate_credentials_t credentials;
	gnutls_privkey_t keys[CONFIG_LIST];
	size_t count;
};

/* Takes the private key of the pair at index out of the credentials. */
static int
take_key(struct tls_keys *k, unsigned index)
{
	const struct tls_library *lib = tls_library();
	gnutls_x509_privkey_t key;

	int rc =
	    lib->gnutls_certificate_get_x509_key(k->credentials, index, &key);
	if (rc < 0) {
		return rc;
	}
	rc = lib->gnutls_privkey_init(&k->keys[index]);
	if (rc < 0) {
		lib->gnutls_x509_privkey_deinit(key);
		return rc;
	}
	k->count++;
	return lib->gnutls_privkey_import_x509(
	    k->keys[index], key, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
}

static bool
is_readable(const char *file, char error[CONFIG_ERROR])
{
	if (access(file, R_OK) == 0) {
		return true;
	}
	snprintf(error, CONFIG_ERROR, "cannot read %.200s: %s", file,
	    strerror(errno));
	return false;
}

static void
tell_wrong(const char *key, const char *chain, int rc, char error[CONFIG_ERROR])
{
	bool one = strcmp(key, chain) == 0;

	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH && !one) {
		snprintf(error, CONFIG_ERROR,
		    "the key in %.200s is not that of the certificate in "
		    "%.200s",
		    key, chain);
		return;
	}
	snprintf(error, CONFIG_ERROR, "%.200s%s%.200s: %s (%s)", key,
	    one ? "" : ", ", one ? "" : chain,
	    tls_library()->gnutls_strerror(rc),
	    one ? "it must hold the key and the certificate chain, in PEM"
		: "they must hold the key, and the certificate chain, in PEM");
}

static int
open_files(
    struct tls_keys *k, const struct config *config, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();

	for (size_t i = 0; i < config->ntls; i++) {
		const char *file = config->tls[i],
			   *chain = config->tls_chain[i];
		if (!is_readable(file, error) || !is_readable(chain, error)) {
			return -1;
		}
		int rc = lib->gnutls_certificate_set_x509_key_file2(
		    k->credentials, chain, file, GNUTLS_X509_FMT_PEM, NULL, 0);
		rc = rc < 0 ? rc : take_key(k, (unsigned)i);
		if (rc < 0) {
			tell_wrong(file, chain, rc, error);
			return -1;
		}
	}
	return 0;
}

/* True if a key may have been replaced, and its certificate not yet. */
static bool
are_apart(const struct config *config)
{
	for (size_t i = 0; i < config->ntls; i++) {
		if (strcmp(config->tls[i], config->tls_chain[i]) != 0) {
			return true;
		}
	}
	return false;
}

struct tls_keys *
tls_keys_open(const struct config *config, bool check, char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	struct tls_keys *k = calloc(1, sizeof(*k));

	if (lib == NULL || k == NULL ||
	    lib->gnutls_certificate_allocate_credentials(&k->credentials) !=
		GNUTLS_E_SUCCESS) {
		snprintf(error, CONFIG_ERROR, "GnuTLS is not available");
		free(k);
		return NULL;
	}
	if (!check && !are_apart(config)) {
		lib->gnutls_certificate_set_flags(
		    k->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	}
	if (open_files(k, config, error) == -1) {
		tls_keys_close(k);
		return NULL;
	}
	return k;
}

void
tls_keys_close(struct tls_keys *k)
{
	const struct tls_library *lib = tls_library();

	if (k == NULL) {
		return;
	}
	for (size_t i = 0; i < k->count; i++) {
		lib->gnutls_privkey_deinit(k->keys[i]);
	}
	lib->gnutls_certificate_free_credentials(k->credentials);
	free(k);
}

size_t
tls_keys_count(const struct tls_keys *k)
{
	return k->count;
}

bool
tls_keys_look(const struct tls_keys *k, size_t key, const char *host,
    struct tls_look *look)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t der;
	gnutls_x509_crt_t crt;

	if (lib->gnutls_certificate_get_crt_raw(
		k->credentials, (unsigned)key, 0, &der) != GNUTLS_E_SUCCESS ||
	    lib->gnutls_x509_crt_init(&crt) != GNUTLS_E_SUCCESS) {
		return false;
	}
	bool good = lib->gnutls_x509_crt_import(
			crt, &der, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS;
	if (good) {
		look->starts = lib->gnutls_x509_crt_get_activation_time(crt);
		look->ends = lib->gnutls_x509_crt_get_expiration_time(crt);
		look->self_signed =
		    lib->gnutls_x509_crt_check_issuer(crt, crt) != 0;
		look->names_host =
		    lib->gnutls_x509_crt_check_hostname(crt, host) != 0;
	}
	lib->gnutls_x509_crt_deinit(crt);
	return good;
}

/* Copies what fits; its length, or 0. */
static size_t
copy(uint8_t out[TLS_PUBLIC], const gnutls_datum_t *der)
{
	if (der->size > TLS_PUBLIC) {
		return 0;
	}
	memcpy(out, der->data, der->size);
	return der->size;
}

bool
tls_keys_public(const struct tls_keys *k, size_t key, struct tls_public *public)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t der = { .data = NULL }, certificate;
	gnutls_pubkey_t public_key;

	public->certificate_len = public->key_len = 0;
	if (lib->gnutls_pubkey_init(&public_key) != GNUTLS_E_SUCCESS) {
		return false;
	}
	if (lib->gnutls_pubkey_import_privkey(public_key, k->keys[key], 0, 0) ==
		GNUTLS_E_SUCCESS &&
	    lib->gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, &der) ==
		GNUTLS_E_SUCCESS) {
		public->key_len = copy(public->key, &der);
	}
	free(der.data); /* GnuTLS allocates by malloc(3) */
	lib->gnutls_pubkey_deinit(public_key);
	if (lib->gnutls_certificate_get_crt_raw(k->credentials, (unsigned)key,
		0, &certificate) == GNUTLS_E_SUCCESS) {
		public->certificate_len =
		    copy(public->certificate, &certificate);
	}
	return public->key_len > 0;
}

int
tls_keys_chain(const struct tls_keys *k, size_t key, struct tls_chain *chain,
    char error[CONFIG_ERROR])
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t der;
	unsigned bits = 0;

	chain->algorithm =
	    (uint32_t)lib->gnutls_privkey_get_pk_algorithm(k->keys[key], &bits);
	chain->bits = bits;
	chain->count = chain->size = 0;
	while (lib->gnutls_certificate_get_crt_raw(k->credentials,
		   (unsigned)key, chain->count, &der) == GNUTLS_E_SUCCESS) {
		if (chain->count == TLS_CHAIN ||
		    der.size > TLS_CHAIN_OCTETS - chain->size) {
			snprintf(error, CONFIG_ERROR,
			    "tls: a chain of more than %d certificates or %d "
			    "octets: leave only those in its file that lead "
			    "from ours to an authority",
			    TLS_CHAIN, TLS_CHAIN_OCTETS);
			return -1;
		}
		memcpy(chain->der + chain->size, der.data, der.size);
		chain->size += der.size;
		chain->sizes[chain->count++] = der.size;
	}
	return 0;
}

/* What a kind is to GnuTLS, with keys that may be for PSS alone. */
static gnutls_sign_algorithm_t
algorithm(enum signature_kind kind, bool only_pss)
{
	switch (kind) {
	case SIGNATURE_RSA_SHA256:
		return GNUTLS_SIGN_RSA_SHA256;
	case SIGNATURE_RSA_SHA384:
		return GNUTLS_SIGN_RSA_SHA384;
	case SIGNATURE_RSA_SHA512:
		return GNUTLS_SIGN_RSA_SHA512;
	case SIGNATURE_PSS_SHA256:
		return only_pss ? GNUTLS_SIGN_RSA_PSS_SHA256
		                : GNUTLS_SIGN_RSA_PSS_RSAE_SHA256;
	case SIGNATURE_PSS_SHA384:
		return only_pss ? GNUTLS_SIGN_RSA_PSS_SHA384
		                : GNUTLS_SIGN_RSA_PSS_RSAE_SHA384;
	case SIGNATURE_PSS_SHA512:
		return only_pss ? GNUTLS_SIGN_RSA_PSS_SHA512
		                : GNUTLS_SIGN_RSA_PSS_RSAE_SHA512;
	case SIGNATURE_ECDSA_SHA256:
		return GNUTLS_SIGN_ECDSA_SHA256;
	case SIGNATURE_ECDSA_SHA384:
		return GNUTLS_SIGN_ECDSA_SHA384;
	case SIGNATURE_ECDSA_SHA512:
		return GNUTLS_SIGN_ECDSA_SHA512;
	case SIGNATURE_ED25519:
		return GNUTLS_SIGN_EDDSA_ED25519;
	case SIGNATURE_ED448:
		return GNUTLS_SIGN_EDDSA_ED448;
	}
	return GNUTLS_SIGN_UNKNOWN;
}

bool
tls_keys_sign(const struct tls_keys *k, const struct signature_question *q,
    struct signature *signature)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t data = { .data = (void *)(uintptr_t)q->data,
		.size = q->size };
	gnutls_datum_t made = { .data = NULL };

	if (q->key >= k->count) {
		return false;
	}
	enum signature_kind kind = (enum signature_kind)q->kind;
	gnutls_privkey_t key = k->keys[q->key];
	int pk = lib->gnutls_privkey_get_pk_algorithm(key, NULL);
	gnutls_sign_algorithm_t by = algorithm(kind, pk == GNUTLS_PK_RSA_PSS);
	if (!lib->gnutls_sign_supports_pk_algorithm(
		by, (gnutls_pk_algorithm_t)pk) ||
	    (signature_hash(kind) == 0 ? lib->gnutls_privkey_sign_data2
				       : lib->gnutls_privkey_sign_hash2)(
		key, by, 0, &data, &made) < 0) {
		return false;
	}
	bool fits = made.size <= SIGNATURE_SIZE;
	if (fits) {
		signature->size = made.size;
		memcpy(signature->octets, made.data, made.size);
	}
	free(made.data); /* GnuTLS allocates by malloc(3) */
	return fits;
}
