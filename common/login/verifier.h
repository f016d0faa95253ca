/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_VERIFIER_H
#define RESTANTE_COMMON_LOGIN_VERIFIER_H

#include "common/job/channel.h"
#include "common/login/password.h"
#include "common/tls/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A verifier of SCRAM (RFC 5802 section 3, RFC 5803): what the server knows of
 * a password.  "{SCRAM-SHA-256}ITERATIONS$SALT$STOREDKEY$SERVERKEY", or the
 * same with {SCRAM-SHA-1}; in base64.
 */

struct verifier {
	enum crypto_kind kind;
	struct password_salt salt;
	uint8_t stored[CRYPTO_SHA256], server[CRYPTO_SHA256];
};

enum {
	VERIFIER_ITERATIONS = 10000, /* of new ones; RFC 7677 asks for 4096 */
	VERIFIER_SALT = 16,          /* octets in new ones */
	VERIFIER_TEXT = 320,         /* with the NUL */
};

/* True if a word begins as a verifier does; tells the kind. */
bool verifier_named(const char *word, enum crypto_kind *);

/* Reads a verifier.  false: the word is not one, or malformed. */
bool verifier_parse(const char *word, struct verifier *);

/* Computes the two keys for a password, by kind and salt. */
void verifier_derive(struct verifier *, const char *password);

/* Writes a verifier in the form that is read.  0, or -1: no room. */
int verifier_print(const struct verifier *, char *text, size_t size)
    __attribute__((warn_unused_result));

/* Checks a proof (in base64) that the client knows the password: text is the
 * AuthMessage, which is signed even if the proof is wrong.
 */
enum status verifier_check(const struct verifier *, const char *text,
    const char *proof, uint8_t signature[PASSWORD_DIGEST])
    __attribute__((warn_unused_result));

#endif
