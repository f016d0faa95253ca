/* SPDX-License-Identifier: ISC */
/* Public keys that strangers publish, by GnuTLS. */
#include "common/tls/public_key.h"
#include "common/tls/tls_private.h"

#include <string.h>

enum {
	ED25519_OCTETS = 32,
	BARE_MOST = PUBLIC_KEY_MOST / 8 + 32, /* octets of an RSAPublicKey */
	DER_HEAD = 4, /* octets of a type and a length, the long way */
};

static gnutls_datum_t
datum(const void *data, size_t len)
{
	return (gnutls_datum_t){ .data = (void *)(uintptr_t)data,
		.size = (unsigned)len };
}

static bool
import(gnutls_pubkey_t key, const gnutls_datum_t *text)
{
	return tls_library()->gnutls_pubkey_import(
		   key, text, GNUTLS_X509_FMT_DER) >= 0;
}

/* Writes a type of DER and the length of its value. */
static void
put_head(unsigned char *p, unsigned char type, size_t len)
{
	p[0] = type;
	p[1] = 0x82; /* two octets of length follow */
	p[2] = (unsigned char)(len >> 8);
	p[3] = (unsigned char)len;
}

/* Reads a bare RSAPublicKey, by putting the rest around it. */
static bool
import_bare(gnutls_pubkey_t key, const gnutls_datum_t *text)
{
	/* AlgorithmIdentifier: rsaEncryption, NULL */
	static const unsigned char rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
		0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	unsigned char whole[DER_HEAD + sizeof(rsa) + DER_HEAD + 1 + BARE_MOST];
	unsigned char *p = whole;
	size_t len = text->size;

	if (len > BARE_MOST) {
		return false;
	}
	put_head(p, 0x30, sizeof(rsa) + DER_HEAD + 1 + len); /* SEQUENCE */
	p += DER_HEAD;
	memcpy(p, rsa, sizeof(rsa));
	p += sizeof(rsa);
	put_head(p, 0x03, 1 + len); /* BIT STRING */
	p += DER_HEAD;
	*p++ = 0; /* bits that are left over */
	memcpy(p, text->data, len);
	p += len;
	const gnutls_datum_t all = datum(whole, (size_t)(p - whole));
	return import(key, &all);
}

/* Reads an RSA key, and sees how long it is. */
static enum public_key_result
read_rsa(gnutls_pubkey_t key, const gnutls_datum_t *text)
{
	const struct tls_library *lib = tls_library();
	unsigned bits = 0;

	if ((!import(key, text) && !import_bare(key, text)) ||
	    lib->gnutls_pubkey_get_pk_algorithm(key, &bits) != GNUTLS_PK_RSA) {
		return PUBLIC_KEY_UNREADABLE;
	}
	return bits < PUBLIC_KEY_LEAST  ? PUBLIC_KEY_WEAK
	       : bits > PUBLIC_KEY_MOST ? PUBLIC_KEY_LARGE
	                                : PUBLIC_KEY_GOOD;
}

static enum public_key_result
read_key(gnutls_pubkey_t key, enum public_key_kind kind, const void *octets,
    size_t len)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t text = datum(octets, len);

	if (kind == PUBLIC_KEY_RSA) {
		return read_rsa(key, &text);
	}
	return len == ED25519_OCTETS &&
	               lib->gnutls_pubkey_import_ecc_raw(
			   key, GNUTLS_ECC_CURVE_ED25519, &text, NULL) == 0
	           ? PUBLIC_KEY_GOOD
	           : PUBLIC_KEY_UNREADABLE;
}

enum public_key_result
public_key_check(enum public_key_kind kind, const void *key, size_t key_len,
    const uint8_t digest[CRYPTO_SHA256], const void *signature,
    size_t signature_len)
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t hash = datum(digest, CRYPTO_SHA256);
	gnutls_datum_t made = datum(signature, signature_len);
	gnutls_pubkey_t k;

	if (lib == NULL || lib->gnutls_pubkey_init(&k) < 0) {
		return PUBLIC_KEY_UNAVAILABLE;
	}
	enum public_key_result r = read_key(k, kind, key, key_len);
	if (r == PUBLIC_KEY_GOOD) {
		int rc = kind == PUBLIC_KEY_RSA
		             ? lib->gnutls_pubkey_verify_hash2(
				   k, GNUTLS_SIGN_RSA_SHA256, 0, &hash, &made)
		             : lib->gnutls_pubkey_verify_data2(k,
				   GNUTLS_SIGN_EDDSA_ED25519, 0, &hash, &made);
		r = rc >= 0                       ? PUBLIC_KEY_GOOD
		    : rc == GNUTLS_E_MEMORY_ERROR ? PUBLIC_KEY_UNAVAILABLE
		                                  : PUBLIC_KEY_BAD;
	}
	/* Nobody's signature is wrong because of that. */
	if (r != PUBLIC_KEY_GOOD && tls_memory_is_short()) {
		r = PUBLIC_KEY_UNAVAILABLE;
	}
	lib->gnutls_pubkey_deinit(k);
	return r;
}
