/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_PUBLIC_KEY_H
#define RESTANTE_COMMON_TLS_PUBLIC_KEY_H

#include "common/tls/crypto.h"

#include <stddef.h>
#include <stdint.h>

/* Signatures checked with public keys that strangers publish, by GnuTLS. */

enum public_key_kind {
	PUBLIC_KEY_RSA,     /* RSASSA-PKCS1-v1_5 of a SHA-256 */
	PUBLIC_KEY_ED25519, /* of a SHA-256, taken as the message (RFC 8463) */
};

/* The limits of RSA keys, in bits: below them a key proves nothing (RFC 8301
   section 3.2), above them it costs too much. */
enum { PUBLIC_KEY_LEAST = 1024, PUBLIC_KEY_MOST = 8192 };

/* Octets of the longest signature. */
enum { PUBLIC_KEY_SIGNATURE = PUBLIC_KEY_MOST / 8 };

enum public_key_result {
	PUBLIC_KEY_GOOD,
	PUBLIC_KEY_BAD, /* the signature is not of that hash by that key */
	PUBLIC_KEY_UNREADABLE,
	PUBLIC_KEY_WEAK,
	PUBLIC_KEY_LARGE,
	PUBLIC_KEY_UNAVAILABLE, /* GnuTLS cannot be loaded, or no memory */
};

/*
 * Checks a signature.  The key is for RSA a SubjectPublicKeyInfo, which is what
 * all publish, or the RSAPublicKey in it, which is what RFC 6376 says; for
 * Ed25519 its 32 octets.
 */
enum public_key_result public_key_check(enum public_key_kind, const void *key,
    size_t key_len, const uint8_t digest[CRYPTO_SHA256], const void *signature,
    size_t signature_len) __attribute__((warn_unused_result));

#endif
