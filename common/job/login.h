/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_LOGIN_H
#define RESTANTE_COMMON_JOB_LOGIN_H

#include "common/tls/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The data that a session sends to have a login checked: REQUEST_LOGIN, _SALT,
 * _PROOF and _NAME.  The session knows no credentials; a worker checks.  Pure.
 */

enum {
	LOGIN_NAME = 255,
	LOGIN_SECRET = 512,
	LOGIN_CHALLENGE = 4096,
	LOGIN_PENDING = 32 * 1024,
};

enum mechanism {
	MECHANISM_PLAIN,
	MECHANISM_LOGIN,
	MECHANISM_CRAM_MD5,
	MECHANISM_SCRAM,      /* SCRAM-SHA-256 */
	MECHANISM_SCRAM_PLUS, /* with channel binding */
	MECHANISM_SCRAM_SHA1,
	MECHANISM_SCRAM_SHA1_PLUS,
	MECHANISM_OAUTHBEARER,
	MECHANISM_XOAUTH2,
	MECHANISM_EXTERNAL,
};

enum { MECHANISMS = MECHANISM_EXTERNAL + 1 };

struct login {
	uint32_t mechanism;
	char name[LOGIN_NAME + 1];
	/* The password; CRAM-MD5: the answer; SCRAM: the proof; a token's
	   "HOST PORT"; EXTERNAL: the certificate's fingerprint. */
	char secret[LOGIN_SECRET + 1];
	/* CRAM-MD5: the challenge; SCRAM: the AuthMessage; OAUTH: the token. */
	char challenge[LOGIN_CHALLENGE];
	uint32_t utf8; /* pop3d: the client said UTF8 */
	/* pop3d: so many pipelined bytes come after it, for the mailbox process
	   to read first.  No part of it, so that who has none has no room for
	   them, either. */
	uint32_t pending;
};

/* Octets of a request with n pending bytes. */
#define LOGIN_SIZE(n) (sizeof(struct login) + (n))

/* The pending bytes of one. */
const char *login_bytes(const struct login *);

/* The hash of a mechanism of SCRAM. */
enum crypto_kind login_kind(const struct login *);

/* True if the login carries a token instead of a password. */
bool login_is_token(const struct login *);

/* True if a payload is a well formed struct login. */
bool login_valid(const void *payload, size_t size);

/* ---- SCRAM ---- */

enum { PASSWORD_SALT = 64, PASSWORD_DIGEST = CRYPTO_SHA256 };

/* The part of a verifier that a client needs, and that is not secret. */
struct password_salt {
	uint32_t iterations, size;
	uint8_t salt[PASSWORD_SALT];
};

#endif
