/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_PRIVATE_KEY_H
#define RESTANTE_COMMON_TLS_PRIVATE_KEY_H

#include "common/tls/public_key.h"
#include "common/tls/signature.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Private keys without certificates, by GnuTLS: those that sign mail.  Only for
 * the process that keeps them, and for the administrator who makes them.
 */

enum {
	PRIVATE_KEY_PEM = 16 * 1024, /* octets of a file */
	PRIVATE_KEY_RSA = 2048,      /* bits of a new one */
	PRIVATE_KEY_PUBLIC = 2048,   /* octets of the public key as text */
};

struct private_key;

/* Reads PEM: PKCS #8 or PKCS #1.  NULL: *why in words. */
struct private_key *private_key_read(
    const void *pem, size_t len, const char **why);
/* Makes one.  NULL: *why in words. */
struct private_key *private_key_make(enum public_key_kind, const char **why);
void private_key_close(struct private_key *);

enum public_key_kind private_key_kind(const struct private_key *);

/* Writes it as PEM (PKCS #8), with NUL.  The length, or -1. */
ssize_t private_key_pem(const struct private_key *, char *out, size_t size)
    __attribute__((warn_unused_result));

/* Writes the public key in base64 as records in the DNS have it.  0 or -1. */
int private_key_public(const struct private_key *, char out[PRIVATE_KEY_PUBLIC])
    __attribute__((warn_unused_result));

/* Signs a hash as DKIM has it (RFC 6376, RFC 8463).  false: not possible. */
bool private_key_sign(const struct private_key *,
    const uint8_t digest[CRYPTO_SHA256], struct signature *);

#endif
