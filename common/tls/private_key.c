/* SPDX-License-Identifier: ISC */
/* Private keys without certificates, by GnuTLS. */
#include "common/tls/private_key.h"

#include "common/text/base64.h"
#include "common/tls/tls_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ED25519_OCTETS = 32 };

struct private_key {
	gnutls_x509_privkey_t file; /* for writing it */
	gnutls_privkey_t key;       /* for signing; has a copy */
	enum public_key_kind kind;
};

/* What it is, and whether it is one that we sign with. */
static const char *
prepare(struct private_key *k)
{
	const struct tls_library *lib = tls_library();
	unsigned bits = 0;

	if (lib->gnutls_privkey_init(&k->key) < 0) {
		k->key = NULL;
		return "no memory";
	}
	if (lib->gnutls_privkey_import_x509(
		k->key, k->file, GNUTLS_PRIVKEY_IMPORT_COPY) < 0) {
		return "GnuTLS cannot use the key";
	}
	switch (lib->gnutls_privkey_get_pk_algorithm(k->key, &bits)) {
	case GNUTLS_PK_RSA:
		k->kind = PUBLIC_KEY_RSA;
		return bits < PUBLIC_KEY_LEAST || bits > PUBLIC_KEY_MOST
		           ? "an RSA key has to have 1024 to 8192 bits"
		           : NULL;
	case GNUTLS_PK_EDDSA_ED25519:
		k->kind = PUBLIC_KEY_ED25519;
		return NULL;
	default: /* GnuTLS knows many more */
		return "the key is neither RSA nor Ed25519";
	}
}

/* An empty one; NULL: *why. */
static struct private_key *
allocate(const char **why)
{
	const struct tls_library *lib = tls_library();
	struct private_key *k = calloc(1, sizeof(*k));

	*why = lib == NULL ? "GnuTLS is not available" : "no memory";
	if (lib == NULL || k == NULL ||
	    lib->gnutls_x509_privkey_init(&k->file) < 0) {
		free(k);
		errno = ENOMEM;
		return NULL;
	}
	return k;
}

/* The key, or NULL if there is something wrong with it, with errno. */
static struct private_key *
finish(struct private_key *k, const char *wrong, const char **why)
{
	*why = wrong != NULL ? wrong : prepare(k);
	if (*why == NULL) {
		return k;
	}
	bool is_short = tls_memory_is_short();
	private_key_close(k);
	if (is_short) {
		*why = "no memory";
	}
	errno = is_short ? ENOMEM : EINVAL;
	return NULL;
}

struct private_key *
private_key_read(const void *pem, size_t len, const char **why)
{
	gnutls_datum_t text = { .data = (void *)(uintptr_t)pem,
		.size = (unsigned)len };
	struct private_key *k = allocate(why);

	if (k == NULL) {
		return NULL;
	}
	int rc = tls_library()->gnutls_x509_privkey_import2(
	    k->file, &text, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
	return finish(k, rc < 0 ? "not a private key in PEM" : NULL, why);
}

struct private_key *
private_key_make(enum public_key_kind kind, const char **why)
{
	struct private_key *k = allocate(why);

	if (k == NULL) {
		return NULL;
	}
	int rc = tls_library()->gnutls_x509_privkey_generate(k->file,
	    kind == PUBLIC_KEY_RSA ? GNUTLS_PK_RSA : GNUTLS_PK_EDDSA_ED25519,
	    kind == PUBLIC_KEY_RSA ? PRIVATE_KEY_RSA : 8 * ED25519_OCTETS, 0);
	return finish(k, rc < 0 ? "GnuTLS cannot make a key" : NULL, why);
}

void
private_key_close(struct private_key *k)
{
	const struct tls_library *lib = tls_library();

	if (k == NULL) {
		return;
	}
	if (k->key != NULL) {
		lib->gnutls_privkey_deinit(k->key);
	}
	lib->gnutls_x509_privkey_deinit(k->file);
	free(k);
}

enum public_key_kind
private_key_kind(const struct private_key *k)
{
	return k->kind;
}

ssize_t
private_key_pem(const struct private_key *k, char *out, size_t size)
{
	if (size == 0 ||
	    tls_library()->gnutls_x509_privkey_export_pkcs8(k->file,
		GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, out, &size) < 0) {
		return -1;
	}
	size_t len = strnlen(out, size);
	return len < size || out[size - 1] == '\n' ? (ssize_t)len : -1;
}

/* The public key as the DNS has it, before base64; octets or -1. */
static ssize_t
public_octets(
    gnutls_pubkey_t key, enum public_key_kind kind, uint8_t *out, size_t size)
{
	const struct tls_library *lib = tls_library();
	gnutls_ecc_curve_t curve;
	gnutls_datum_t x = { .data = NULL }, y = { .data = NULL };

	if (kind == PUBLIC_KEY_RSA) {
		return lib->gnutls_pubkey_export(
			   key, GNUTLS_X509_FMT_DER, out, &size) < 0
		           ? -1
		           : (ssize_t)size;
	}
	if (lib->gnutls_pubkey_export_ecc_raw(key, &curve, &x, &y) < 0) {
		return -1;
	}
	bool fits = x.size == ED25519_OCTETS && x.size <= size;
	if (fits) {
		memcpy(out, x.data, x.size);
	}
	free(x.data); /* GnuTLS allocates by malloc(3) */
	free(y.data);
	return fits ? ED25519_OCTETS : -1;
}

int
private_key_public(const struct private_key *k, char out[PRIVATE_KEY_PUBLIC])
{
	const struct tls_library *lib = tls_library();
	uint8_t octets[PRIVATE_KEY_PUBLIC / 4 * 3 - 3];
	gnutls_pubkey_t key;
	ssize_t n = -1;

	if (lib->gnutls_pubkey_init(&key) < 0) {
		return -1;
	}
	if (lib->gnutls_pubkey_import_privkey(key, k->key, 0, 0) == 0) {
		n = public_octets(key, k->kind, octets, sizeof(octets));
	}
	lib->gnutls_pubkey_deinit(key);
	return n == -1 || base64_encode(
			      octets, (size_t)n, out, PRIVATE_KEY_PUBLIC) == -1
	           ? -1
	           : 0;
}

bool
private_key_sign(const struct private_key *k,
    const uint8_t digest[CRYPTO_SHA256], struct signature *s)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t hash = { .data = (void *)(uintptr_t)digest,
		.size = CRYPTO_SHA256 };
	gnutls_datum_t made = { .data = NULL };

	int rc = k->kind == PUBLIC_KEY_RSA
	             ? lib->gnutls_privkey_sign_hash2(
			   k->key, GNUTLS_SIGN_RSA_SHA256, 0, &hash, &made)
	             : lib->gnutls_privkey_sign_data2(
			   k->key, GNUTLS_SIGN_EDDSA_ED25519, 0, &hash, &made);
	if (rc < 0) {
		return false;
	}
	bool fits = made.size <= SIGNATURE_SIZE;
	if (fits) {
		s->size = made.size;
		memcpy(s->octets, made.data, made.size);
	}
	free(made.data); /* GnuTLS allocates by malloc(3) */
	return fits;
}
