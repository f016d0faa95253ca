/* SPDX-License-Identifier: ISC */
/* Stored credentials: SCRAM's verifiers, crypt(3), CRAM-MD5. */
#include "common/login/password.h"

#include "common/login/verifier.h"
#include "common/sasl/cram.h"

#include <crypt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRAM "{CRAM-MD5}"
#define EXTERNAL "{EXTERNAL}sha256-"

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

static enum status
check_verifier(const char *text, const char *password)
{
	struct verifier want, got;
	enum status result = STATUS_TEMPORARY;

	if (verifier_parse(text, &want)) {
		got = want;
		verifier_derive(&got, password);
		result = crypto_equal(
			     want.stored, got.stored, crypto_size(want.kind))
		             ? STATUS_OK
		             : STATUS_NO;
		explicit_bzero(&got, sizeof(got));
	}
	explicit_bzero(&want, sizeof(want));
	return result;
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

/* Spends the time on an unknown user that a known one costs. */
static void
spend_time(const char *password, bool system_users)
{
	if (system_users) {
		(void)check_crypt("$y$j9T$restante.restante.....$", password);
	} else {
		struct verifier v = {
			.salt = { .iterations = VERIFIER_ITERATIONS,
			    .size = VERIFIER_SALT },
		};
		verifier_derive(&v, password);
		explicit_bzero(&v, sizeof(v));
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
	enum crypto_kind kind;

	while (result != STATUS_OK &&
	       next_word(&credentials, word, sizeof(word))) {
		if (verifier_named(word, &kind)) {
			result = check_verifier(word, password);
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

/* The first verifier of the kind. */
static bool
find_verifier(
    const char *credentials, enum crypto_kind kind, struct verifier *v)
{
	char word[USHRT_MAX / 64];
	bool found = false;

	while (!found && next_word(&credentials, word, sizeof(word))) {
		found = verifier_parse(word, v) && v->kind == kind;
	}
	explicit_bzero(word, sizeof(word));
	return found;
}

bool
password_has_scram(const char *credentials, enum crypto_kind kind)
{
	struct verifier v;
	bool found = find_verifier(credentials, kind, &v);

	explicit_bzero(&v, sizeof(v));
	return found;
}

bool
password_shown_salt(const char *credentials, struct password_salt *salt)
{
	struct verifier v;
	bool found = find_verifier(credentials, CRYPTO_KIND_SHA256, &v) ||
	             find_verifier(credentials, CRYPTO_KIND_SHA1, &v);

	if (found) {
		*salt = v.salt;
	}
	explicit_bzero(&v, sizeof(v));
	return found;
}

void
password_salt(const char *credentials, enum crypto_kind kind, const char *name,
    const uint8_t secret[PASSWORD_DIGEST], struct password_salt *salt)
{
	uint8_t made[CRYPTO_SHA256];
	struct verifier v;

	/* It is made for known users too, so that time tells nothing. */
	crypto_hmac(CRYPTO_KIND_SHA256, secret, PASSWORD_DIGEST, name,
	    strlen(name), made);
	if (find_verifier(credentials, kind, &v)) {
		*salt = v.salt;
	} else {
		memset(salt, 0, sizeof(*salt));
		salt->iterations = VERIFIER_ITERATIONS;
		salt->size = VERIFIER_SALT;
		memcpy(salt->salt, made, VERIFIER_SALT);
	}
	explicit_bzero(&v, sizeof(v));
}

enum status
password_check_scram(const char *credentials, enum crypto_kind kind,
    const char *text, const char *proof, uint8_t signature[PASSWORD_DIGEST])
{
	struct verifier v;

	if (!find_verifier(credentials, kind, &v)) {
		/* No proof matches this verifier; checking it costs the same
		 * time. */
		memset(&v, 0, sizeof(v));
		v.kind = kind;
		enum status s = verifier_check(&v, text, proof, signature);
		return s == STATUS_OK ? STATUS_NO : s;
	}
	enum status result = verifier_check(&v, text, proof, signature);
	explicit_bzero(&v, sizeof(v));
	return result;
}

bool
password_has(const char *credentials, const char *want)
{
	char word[USHRT_MAX / 64];
	bool found = false;

	while (!found && next_word(&credentials, word, sizeof(word))) {
		found = strcmp(word, want) == 0;
	}
	explicit_bzero(word, sizeof(word));
	return found;
}

static bool
is_certificate(const char *word)
{
	const char *hex = word + strlen(EXTERNAL);

	return strncmp(word, EXTERNAL, strlen(EXTERNAL)) == 0 &&
	       strlen(hex) == 2 * CRYPTO_SHA256 &&
	       strspn(hex, "0123456789abcdef") == 2 * CRYPTO_SHA256;
}

bool
password_has_certificate(const char *credentials, const char *fingerprint)
{
	char word[USHRT_MAX / 64];
	bool found = false;

	while (!found && next_word(&credentials, word, sizeof(word))) {
		found = is_certificate(word) &&
		        (fingerprint == NULL ||
			    strcmp(word + strlen(EXTERNAL), fingerprint) == 0);
	}
	explicit_bzero(word, sizeof(word));
	return found;
}

/* True if the word is a well-formed stored secret. */
static bool
is_secret(const char *word)
{
	enum crypto_kind kind;
	struct verifier v;

	if (verifier_named(word, &kind)) {
		bool good = verifier_parse(word, &v);
		explicit_bzero(&v, sizeof(v));
		return good;
	}
	return strncmp(word, CRAM, strlen(CRAM)) == 0 ? find_cram(word) != NULL
	                                              : is_crypt(word);
}

bool
password_opens(const char *credentials)
{
	char word[USHRT_MAX / 64];
	bool opens = false;

	while (!opens && next_word(&credentials, word, sizeof(word))) {
		opens = is_secret(word) || strcmp(word, PASSWORD_PAM) == 0;
	}
	explicit_bzero(word, sizeof(word));
	return opens;
}

bool
password_is_valid(const char *credentials)
{
	char word[USHRT_MAX / 64];
	size_t words = 0;
	bool good = true;

	for (; good && next_word(&credentials, word, sizeof(word)); words++) {
		good = is_secret(word) || is_certificate(word) ||
		       strcmp(word, PASSWORD_OAUTH) == 0 ||
		       strcmp(word, PASSWORD_PAM) == 0;
	}
	explicit_bzero(word, sizeof(word));
	return good && words > 0;
}

/* Appends a word to the credentials; -1: no room. */
static int
append(char *credentials, size_t size, const char *a, const char *b)
{
	size_t n =
	    strlcat(credentials, credentials[0] != '\0' ? " " : "", size);

	n = n < size ? strlcat(credentials, a, size) : n;
	n = n < size ? strlcat(credentials, b, size) : n;
	return n < size ? 0 : -1;
}

int
password_make(const char *password, const struct password_extras *extras,
    char *credentials, size_t size)
{
	struct verifier v = {
		.salt = { .iterations = VERIFIER_ITERATIONS,
		    .size = VERIFIER_SALT },
	};
	char text[VERIFIER_TEXT], hex[CRAM_STATES + 1] = "";

	/* Each user has one salt, as unknown users seem to have. */
	if (extras->salt != NULL) {
		v.salt = *extras->salt;
	} else {
		arc4random_buf(v.salt.salt, VERIFIER_SALT);
	}
	strlcpy(credentials, "", size);
	for (int i = 0; i <= extras->scram_sha1; i++) {
		v.kind = i == 0 ? CRYPTO_KIND_SHA256 : CRYPTO_KIND_SHA1;
		verifier_derive(&v, password);
		if (verifier_print(&v, text, sizeof(text)) == -1 ||
		    append(credentials, size, text, "") == -1) {
			return -1;
		}
	}
	if (extras->cram) {
		cram_make(password, hex);
	}
	int rc = extras->cram ? append(credentials, size, CRAM, hex) : 0;
	explicit_bzero(hex, sizeof(hex));
	return rc;
}

/* A hash by the method of an old one; by the best, if that is out of date. */
static int
append_hash(
    const char *old, const char *password, char *credentials, size_t size)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE], prefix[16] = "";
	struct crypt_data *data = calloc(1, sizeof(*data));
	size_t n = strcspn(old + 1, "$") + 2;
	int rc = -1;

	if (n < sizeof(prefix)) {
		strlcpy(prefix, old, n + 1);
	}
	bool good = crypt_checksalt(old) == CRYPT_SALT_OK;
	if (data != NULL && crypt_gensalt_rn(good ? prefix : NULL, 0, NULL, 0,
				setting, sizeof(setting)) != NULL) {
		const char *hash =
		    crypt_rn(password, setting, data, sizeof(*data));
		rc = hash != NULL ? append(credentials, size, hash, "") : -1;
	}
	if (data != NULL) {
		explicit_bzero(data, sizeof(*data));
		free(data);
	}
	return rc;
}

static int
append_verifier(enum crypto_kind kind, const struct password_salt *salt,
    const char *password, char *credentials, size_t size)
{
	struct verifier v = { .kind = kind, .salt = *salt };
	char text[VERIFIER_TEXT];

	verifier_derive(&v, password);
	int rc = verifier_print(&v, text, sizeof(text));
	rc = rc == 0 ? append(credentials, size, text, "") : rc;
	explicit_bzero(&v, sizeof(v));
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int
append_cram(const char *password, char *credentials, size_t size)
{
	char hex[CRAM_STATES + 1];

	cram_make(password, hex);
	int rc = append(credentials, size, CRAM, hex);
	explicit_bzero(hex, sizeof(hex));
	return rc;
}

int
password_renew(const char *old, const char *password,
    const struct password_salt *salt, char *credentials, size_t size)
{
	struct password_salt own = { .iterations = VERIFIER_ITERATIONS,
		.size = VERIFIER_SALT };
	char word[USHRT_MAX / 64];
	enum crypto_kind kind;
	bool secret = false;
	int rc = 0;

	arc4random_buf(own.salt, VERIFIER_SALT);
	strlcpy(credentials, "", size);
	while (rc == 0 && next_word(&old, word, sizeof(word))) {
		if (verifier_named(word, &kind)) {
			rc = append_verifier(kind, salt != NULL ? salt : &own,
			    password, credentials, size);
			secret = true;
		} else if (strncmp(word, CRAM, strlen(CRAM)) == 0) {
			rc = append_cram(password, credentials, size);
		} else if (is_crypt(word)) {
			rc = append_hash(word, password, credentials, size);
			secret = true;
		} else {
			rc = append(credentials, size, word, "");
		}
	}
	explicit_bzero(word, sizeof(word));
	return secret ? rc : -1;
}
