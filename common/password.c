/* SPDX-License-Identifier: ISC */
/* Password verifiers: SCRAM-SHA-256 (RFC 5803), crypt(3), CRAM-MD5. */
#include "common/password.h"

#include "common/base64.h"
#include "common/cram.h"
#include "common/crypto.h"

#include <crypt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRAM "{SCRAM-SHA-256}"
#define CRAM "{CRAM-MD5}"

enum {
	ITERATIONS = 10000, /* of new verifiers; RFC 7677 asks for 4096 */
	MOST_ITERATIONS = 10000000,
	SALT_SIZE = 16,
};

struct scram {
	unsigned iterations;
	uint8_t salt[PASSWORD_SALT];
	size_t saltlen;
	uint8_t stored[CRYPTO_SHA256], server[CRYPTO_SHA256];
};

/* Copies the next blank separated word; false: none, or too long. */
static bool
next_word(const char **p, char *word, size_t size)
{
	*p += strspn(*p, " \t");
	size_t n = strcspn(*p, " \t");
	if (n == 0 || n >= size) {
		return false;
	}
	memcpy(word, *p, n);
	word[n] = '\0';
	*p += n;
	return true;
}

static bool
parse_scram(const char *text, struct scram *s)
{
	char *end;
	const char *field[3];
	size_t len[3];

	unsigned long n = strtoul(text, &end, 10);
	if (*text < '1' || *text > '9' || n < 1 || n > MOST_ITERATIONS ||
	    *end != '$') {
		return false;
	}
	s->iterations = (unsigned)n;
	for (int i = 0; i < 3; i++) {
		field[i] = end + 1;
		len[i] = strcspn(field[i], "$");
		end += 1 + len[i];
		if (*end != (i < 2 ? '$' : '\0')) {
			return false;
		}
	}
	ssize_t salt =
	    base64_decode(field[0], len[0], s->salt, sizeof(s->salt));
	s->saltlen = salt < 0 ? 0 : (size_t)salt;
	return salt > 0 &&
	       base64_decode(field[1], len[1], s->stored, CRYPTO_SHA256) ==
	           CRYPTO_SHA256 &&
	       base64_decode(field[2], len[2], s->server, CRYPTO_SHA256) ==
	           CRYPTO_SHA256;
}

/* StoredKey and ServerKey of a password (RFC 5802 section 3). */
static int
derive(const char *password, struct scram *s)
{
	uint8_t salted[CRYPTO_SHA256], client[CRYPTO_SHA256];
	int rc;

	rc = crypto_pbkdf2_sha256(
	    password, s->salt, s->saltlen, s->iterations, salted);
	rc |= crypto_hmac_sha256(
	    salted, sizeof(salted), "Client Key", 10, client);
	rc |= crypto_sha256(client, sizeof(client), s->stored);
	rc |= crypto_hmac_sha256(
	    salted, sizeof(salted), "Server Key", 10, s->server);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return rc;
}

static enum status
check_scram(const char *text, const char *password)
{
	struct scram want, got;

	if (!parse_scram(text, &want)) {
		return STATUS_TEMPORARY;
	}
	got = want;
	if (derive(password, &got) != 0) {
		return STATUS_TEMPORARY;
	}
	return crypto_equal(want.stored, got.stored, CRYPTO_SHA256) ? STATUS_OK
	                                                            : STATUS_NO;
}

static enum status
check_crypt(const char *hash, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	enum status result = STATUS_NO;

	if (data == NULL) {
		return STATUS_TEMPORARY;
	}
	const char *got = crypt_rn(password, hash, data, sizeof(*data));
	if (got != NULL && strlen(got) == strlen(hash) &&
	    crypto_equal(got, hash, strlen(hash))) {
		result = STATUS_OK;
	}
	explicit_bzero(data, sizeof(*data));
	free(data);
	return result;
}

/* What an unknown user costs: the same kind of work as a known one. */
static void
spend_time(const char *password, bool system_users)
{
	if (system_users) {
		(void)check_crypt("$y$j9T$restante.restante.....$", password);
	} else {
		struct scram s = { .iterations = ITERATIONS,
			.saltlen = SALT_SIZE };
		(void)derive(password, &s);
	}
}

static bool
is_crypt(const char *word)
{
	/* crypt_checksalt() alone takes any two letters for a DES salt. */
	return word[0] == '$' &&
	       (crypt_checksalt(word) == CRYPT_SALT_OK ||
		   crypt_checksalt(word) == CRYPT_SALT_METHOD_LEGACY);
}

enum status
password_check(const char *credentials, const char *password, bool system_users)
{
	char word[USHRT_MAX / 64];
	bool tried = false;
	enum status result = STATUS_NO;

	while (result != STATUS_OK &&
	       next_word(&credentials, word, sizeof(word))) {
		if (strncmp(word, SCRAM, strlen(SCRAM)) == 0) {
			result = check_scram(word + strlen(SCRAM), password);
			tried = true;
		} else if (is_crypt(word)) {
			result = check_crypt(word, password);
			tried = true;
		}
	}
	if (!tried) {
		spend_time(password, system_users);
	}
	explicit_bzero(word, sizeof(word));
	return result;
}

/* ---- CRAM-MD5 ---- */

static const char *
find_cram(const char *credentials)
{
	const char *p = strstr(credentials, CRAM);

	if (p == NULL) {
		return NULL;
	}
	p += strlen(CRAM);
	return strspn(p, "0123456789abcdef") == CRAM_STATES &&
	               strchr(" \t", p[CRAM_STATES]) != NULL
	           ? p
	           : NULL;
}

bool
password_has_cram(const char *credentials)
{
	return find_cram(credentials) != NULL;
}

enum status
password_check_cram(
    const char *credentials, const char *challenge, const char *answer)
{
	static const char nobody[CRAM_STATES + 1] =
	    "0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0123456789abcdef";
	const char *hex = find_cram(credentials);
	char text[CRAM_ANSWER + 1];
	bool known = hex != NULL;

	if (!cram_answer(
		known ? hex : nobody, challenge, strlen(challenge), text)) {
		return STATUS_TEMPORARY;
	}
	return strlen(answer) == strlen(text) &&
	               crypto_equal(answer, text, strlen(text)) && known
	           ? STATUS_OK
	           : STATUS_NO;
}

/* ---- SCRAM ---- */

/* The first of the verifiers. */
static bool
find_scram(const char *credentials, struct scram *s)
{
	char word[USHRT_MAX / 64];
	bool found = false;

	while (!found && next_word(&credentials, word, sizeof(word))) {
		found = strncmp(word, SCRAM, strlen(SCRAM)) == 0 &&
		        parse_scram(word + strlen(SCRAM), s);
	}
	explicit_bzero(word, sizeof(word));
	return found;
}

bool
password_has_scram(const char *credentials)
{
	struct scram s;
	bool found = find_scram(credentials, &s);

	explicit_bzero(&s, sizeof(s));
	return found;
}

int
password_salt(const char *credentials, const char *name,
    const uint8_t secret[PASSWORD_DIGEST], struct password_salt *salt)
{
	uint8_t made[CRYPTO_SHA256];
	struct scram s;

	/* Made for everybody: it takes the same time. */
	if (crypto_hmac_sha256(
		secret, PASSWORD_DIGEST, name, strlen(name), made) != 0) {
		return -1;
	}
	memset(salt, 0, sizeof(*salt));
	if (find_scram(credentials, &s)) {
		salt->iterations = s.iterations;
		salt->size = (uint32_t)s.saltlen;
		memcpy(salt->salt, s.salt, s.saltlen);
	} else {
		salt->iterations = ITERATIONS;
		salt->size = SALT_SIZE;
		memcpy(salt->salt, made, SALT_SIZE);
	}
	explicit_bzero(&s, sizeof(s));
	return 0;
}

enum status
password_check_scram(const char *credentials, const char *text,
    const char *proof, uint8_t signature[PASSWORD_DIGEST])
{
	uint8_t key[CRYPTO_SHA256], mine[CRYPTO_SHA256], hash[CRYPTO_SHA256];
	struct scram s = { .iterations = 0 };
	bool known = find_scram(credentials, &s);
	bool whole = base64_decode(proof, strlen(proof), key, sizeof(key)) ==
	             (ssize_t)sizeof(key);

	if (!whole) {
		memset(key, 0, sizeof(key));
	}
	int rc = crypto_hmac_sha256(
	    s.stored, sizeof(s.stored), text, strlen(text), mine);
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] ^= mine[i];
	}
	rc |= crypto_sha256(key, sizeof(key), hash);
	rc |= crypto_hmac_sha256(
	    s.server, sizeof(s.server), text, strlen(text), signature);
	bool right = crypto_equal(hash, s.stored, sizeof(hash));
	explicit_bzero(key, sizeof(key));
	explicit_bzero(&s, sizeof(s));
	if (rc != 0) {
		return STATUS_TEMPORARY;
	}
	return right && known && whole ? STATUS_OK : STATUS_NO;
}

bool
password_is_valid(const char *credentials)
{
	char word[USHRT_MAX / 64];
	struct scram s;
	size_t words = 0;

	for (; next_word(&credentials, word, sizeof(word)); words++) {
		bool ok = strncmp(word, SCRAM, strlen(SCRAM)) == 0
		              ? parse_scram(word + strlen(SCRAM), &s)
		          : strncmp(word, CRAM, strlen(CRAM)) == 0
		              ? find_cram(word) != NULL
		              : is_crypt(word);
		if (!ok) {
			return false;
		}
	}
	return words > 0;
}

int
password_make(const char *password, bool cram, char *credentials, size_t size)
{
	struct scram s = { .iterations = ITERATIONS, .saltlen = SALT_SIZE };
	char salt[BASE64_SIZE(SALT_SIZE)];
	char stored[BASE64_SIZE(CRYPTO_SHA256)];
	char server[BASE64_SIZE(CRYPTO_SHA256)];
	char hex[CRAM_STATES + 1] = "";

	arc4random_buf(s.salt, SALT_SIZE);
	if (derive(password, &s) != 0 ||
	    base64_encode(s.salt, SALT_SIZE, salt, sizeof(salt)) < 0 ||
	    base64_encode(s.stored, CRYPTO_SHA256, stored, sizeof(stored)) <
		0 ||
	    base64_encode(s.server, CRYPTO_SHA256, server, sizeof(server)) <
		0) {
		return -1;
	}
	if (cram) {
		cram_make(password, hex);
	}
	int n = snprintf(credentials, size, SCRAM "%u$%s$%s$%s%s%s",
	    s.iterations, salt, stored, server, cram ? " " CRAM : "", hex);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}
