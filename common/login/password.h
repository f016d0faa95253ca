/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_PASSWORD_H
#define RESTANTE_COMMON_LOGIN_PASSWORD_H

#include "common/job/channel.h"
#include "common/job/login.h"
#include "common/tls/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Stored credentials and their check.  A user has one or more, separated by
 * blanks:
 *   {SCRAM-SHA-256}ITERATIONS$SALT$STOREDKEY$SERVERKEY  (verifier.h)
 *   {SCRAM-SHA-1}ITERATIONS$SALT$STOREDKEY$SERVERKEY
 *   {CRAM-MD5}HEX     the HMAC-MD5 state after both pads (RFC 2195, 2104)
 *   $id$...           a crypt(3) hash
 *   {OAUTH}           no secret: tokens are good for the user
 *   {PAM}             no secret: PAM knows the password
 *   {EXTERNAL}sha256-HEX  no secret: the fingerprint of a certificate whose
 *                     key the client has
 */
#define PASSWORD_OAUTH "{OAUTH}"
#define PASSWORD_PAM "{PAM}"

/* True if the credentials have that certificate's fingerprint; NULL: any. */
bool password_has_certificate(const char *credentials, const char *fingerprint);

/* True if the word is one of the credentials. */
bool password_has(const char *credentials, const char *word);

/* True if a password can match them at all ("*" never does). */
bool password_opens(const char *credentials);

/* True if one of the credentials serves CRAM-MD5, or SCRAM. */
bool password_has_cram(const char *credentials);
bool password_has_scram(const char *credentials, enum crypto_kind);

/* True if the text is a list of credentials that we can check. */
bool password_is_valid(const char *credentials);

/*
 * Checks a password against the credentials.  With "" (no such user, or no
 * password) it takes the same time and returns STATUS_NO.
 */
enum status password_check(const char *credentials, const char *password,
    bool system_users) __attribute__((warn_unused_result));

/* Checks the answer (32 hex digits) to a CRAM-MD5 challenge. */
enum status password_check_cram(const char *credentials, const char *challenge,
    const char *answer) __attribute__((warn_unused_result));

/* ---- SCRAM ---- */

/*
 * The salt of the first verifier of the kind; without one, a salt made of the
 * secret and the name that nobody else can tell from a real one.
 */
void password_salt(const char *credentials, enum crypto_kind, const char *name,
    const uint8_t secret[PASSWORD_DIGEST], struct password_salt *);

/*
 * Checks the proof (in base64) that a client knows the password: text is the
 * AuthMessage of RFC 5802 section 3.  With STATUS_OK it signs that, so that
 * the client knows that we do.
 */
enum status password_check_scram(const char *credentials, enum crypto_kind,
    const char *text, const char *proof, uint8_t signature[PASSWORD_DIGEST])
    __attribute__((warn_unused_result));

/* The verifiers that are stored besides SCRAM-SHA-256. */
struct password_extras {
	bool cram, scram_sha1;
	const struct password_salt *salt; /* the user's; NULL: a new one */
};

/* Finds the salt that SCRAM shows of these credentials.  false: none. */
bool password_shown_salt(const char *credentials, struct password_salt *);

/* Makes the credentials for a password.  0, or -1: no room, no GnuTLS. */
int password_make(const char *password, const struct password_extras *,
    char *credentials, size_t size) __attribute__((warn_unused_result));

/*
 * Makes the credentials that take the place of old ones: a new secret of each
 * kind that is there, and what holds no secret stays.  salt: as in struct
 * password_extras.  0, or -1: there is no room, or no secret.
 */
int password_renew(const char *old, const char *password,
    const struct password_salt *salt, char *credentials, size_t size)
    __attribute__((warn_unused_result));

#endif
