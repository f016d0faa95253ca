/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_LOGIN_H
#define RESTANTE_COMMON_LOGIN_LOGIN_H

#include "common/config/config.h"
#include "common/server/server.h"
#include "common/tls/crypto.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What a session sends to have a login checked.  The session knows no
 * credentials; a worker checks.
 */

enum {
	LOGIN_NAME = 255,
	LOGIN_SECRET = 512,
	LOGIN_CHALLENGE = 4096,
	LOGIN_PENDING = 8192,
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
	/* CRAM-MD5: the challenge; SCRAM: what was said (AuthMessage); the
	   token. */
	char challenge[LOGIN_CHALLENGE];
	uint32_t utf8; /* pop3d: the client said UTF8 */
	/* pop3d: pipelined bytes for the mailbox process to read first. */
	uint32_t pending;
	char bytes[LOGIN_PENDING];
};

/* Octets of a request with n pending bytes. */
#define LOGIN_SIZE(n) (offsetof(struct login, bytes) + (n))

/* The hash of a mechanism of SCRAM. */
enum crypto_kind login_kind(const struct login *);

/* Whether it brings a token in the place of a password. */
bool login_is_token(const struct login *);

/* For struct job: whether a request is well formed. */
bool login_valid(const void *payload, size_t size);

/* The worker's check: the server believes its exit status. */
enum status login_run(const struct task *);

/*
 * For SCRAM, before that: the salt of a name, the same kind of answer for
 * every name; and our signature under what was said, if the proof is right.
 * Neither logs anybody in.
 */
enum status login_salt_run(const struct task *);
enum status login_proof_run(const struct task *);

/*
 * For EXTERNAL, when the client does not say who it is: the name (NUL ended)
 * of the one user who has the certificate.  Logs nobody in, either.
 */
enum status login_name_run(const struct task *);

#endif
