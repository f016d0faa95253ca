/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_SIGNATURE_H
#define RESTANTE_COMMON_TLS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The questions to the process that keeps the private keys, and its answers: a
 * session sends the question to the server, the server to the keeper.  It
 * signs, and nothing else: there is no way to ask it for a decryption.
 */

/* RSA is RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), PSS its successor. */
enum signature_kind {
	SIGNATURE_RSA_SHA256,
	SIGNATURE_RSA_SHA384,
	SIGNATURE_RSA_SHA512,
	SIGNATURE_PSS_SHA256,
	SIGNATURE_PSS_SHA384,
	SIGNATURE_PSS_SHA512,
	SIGNATURE_ECDSA_SHA256,
	SIGNATURE_ECDSA_SHA384,
	SIGNATURE_ECDSA_SHA512,
	SIGNATURE_ED25519, /* these two sign the data, and not a hash */
	SIGNATURE_ED448,
};

enum {
	SIGNATURE_KINDS = SIGNATURE_ED448 + 1,
	SIGNATURE_DATA = 256,  /* TLS 1.2 signs its longest ECDH key in 201 */
	SIGNATURE_SIZE = 2048, /* of an RSA key of 16384 bits */
};

struct signature_question {
	uint32_t key;  /* in the order of the configuration, from 0 */
	uint32_t kind; /* enum signature_kind */
	uint32_t size; /* octets of data */
	uint8_t data[SIGNATURE_DATA]; /* the hash, or the data itself */
};

struct signature {
	uint32_t size;
	uint8_t octets[SIGNATURE_SIZE];
};

/* Octets of the hash that a kind signs; 0: it signs data of any size. */
size_t signature_hash(enum signature_kind);

/* True if a payload is a well formed question. */
bool signature_valid(const void *payload, size_t size);

#endif
