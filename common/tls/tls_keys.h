/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_KEYS_H
#define RESTANTE_COMMON_TLS_TLS_KEYS_H

#include "common/config/config.h"
#include "common/tls/crypto.h"
#include "common/tls/signature.h"
#include "common/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * Private keys: for the process that keeps them, for --check, --dns and
 * --setup.  No other process may ever read the files of the key tls.
 */

struct tls_keys;

/*
 * Reads keys and certificates.  check: also that each key belongs to its
 * certificate, which costs a signature; where they lie in two files, that is
 * always found out.  NULL: error says why.
 */
struct tls_keys *tls_keys_open(
    const struct config *, bool check, char error[CONFIG_ERROR]);
void tls_keys_close(struct tls_keys *);

/* How many there are. */
size_t tls_keys_count(const struct tls_keys *);

/* Gets the public part of one key: 0, or -1 with a message. */
int tls_keys_chain(const struct tls_keys *, size_t key, struct tls_chain *,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

/* The facts about a certificate that are reported. */
struct tls_look {
	time_t starts, ends;
	bool self_signed;
	bool names_host; /* it is good for that name */
};

/* Looks at the certificate of a key; false: it cannot be read. */
bool tls_keys_look(
    const struct tls_keys *, size_t key, const char *host, struct tls_look *);

/* What TLSA records are of, in DER: a certificate, and its public key
   (SubjectPublicKeyInfo). */
enum { TLS_PUBLIC = 8192 };
struct tls_public {
	uint8_t certificate[TLS_PUBLIC], key[TLS_PUBLIC];
	size_t certificate_len, key_len; /* 0: it does not fit */
};

/* false: no memory, or the public key does not fit. */
bool tls_keys_public(const struct tls_keys *, size_t key, struct tls_public *);

/* Signs what a valid question asks for.  false: this key cannot do that. */
bool tls_keys_sign(const struct tls_keys *, const struct signature_question *,
    struct signature *);

#endif
