/* SPDX-License-Identifier: ISC */
/* Verifiers of SCRAM: their form, and the arithmetic of RFC 5802 section 3. */
#include "common/login/verifier.h"

#include "common/text/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITERATIONS = 10000000 };

static const char *const prefixes[] = {
	[CRYPTO_KIND_SHA256] = "{SCRAM-SHA-256}",
	[CRYPTO_KIND_SHA1] = "{SCRAM-SHA-1}",
};

bool
verifier_named(const char *word, enum crypto_kind *kind)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(word, prefixes[i], strlen(prefixes[i])) == 0) {
			*kind = (enum crypto_kind)i;
			return true;
		}
	}
	return false;
}

/* Reads "ITERATIONS"; returns the text after it, or NULL. */
static const char *
parse_iterations(const char *text, uint32_t *iterations)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '1' || *text > '9' || n < 1 || n > MOST_ITERATIONS) {
		return NULL;
	}
	*iterations = (uint32_t)n;
	return end;
}

bool
verifier_parse(const char *word, struct verifier *v)
{
	const char *field[3], *end;
	size_t len[3];

	memset(v, 0, sizeof(*v));
	if (!verifier_named(word, &v->kind)) {
		return false;
	}
	end = parse_iterations(
	    word + strlen(prefixes[v->kind]), &v->salt.iterations);
	if (end == NULL || *end != '$') {
		return false;
	}
	for (int i = 0; i < 3; i++) {
		field[i] = end + 1;
		len[i] = strcspn(field[i], "$");
		end += 1 + len[i];
		if (*end != (i < 2 ? '$' : '\0')) {
			return false;
		}
	}
	ssize_t size = (ssize_t)crypto_size(v->kind);
	ssize_t salt =
	    base64_decode(field[0], len[0], v->salt.salt, sizeof(v->salt.salt));
	v->salt.size = salt < 0 ? 0 : (uint32_t)salt;
	return salt > 0 &&
	       base64_decode(field[1], len[1], v->stored, (size_t)size) ==
	           size &&
	       base64_decode(field[2], len[2], v->server, (size_t)size) == size;
}

void
verifier_derive(struct verifier *v, const char *password)
{
	uint8_t salted[CRYPTO_SHA256], client[CRYPTO_SHA256];
	size_t size = crypto_size(v->kind);

	crypto_pbkdf2(v->kind, password, v->salt.salt, v->salt.size,
	    v->salt.iterations, salted);
	crypto_hmac(v->kind, salted, size, "Client Key", 10, client);
	crypto_digest(v->kind, client, size, v->stored);
	crypto_hmac(v->kind, salted, size, "Server Key", 10, v->server);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
}

int
verifier_print(const struct verifier *v, char *text, size_t size)
{
	char salt[BASE64_SIZE(PASSWORD_SALT)];
	char stored[BASE64_SIZE(CRYPTO_SHA256)];
	char server[BASE64_SIZE(CRYPTO_SHA256)];
	size_t len = crypto_size(v->kind);

	if (base64_encode(v->salt.salt, v->salt.size, salt, sizeof(salt)) < 0 ||
	    base64_encode(v->stored, len, stored, sizeof(stored)) < 0 ||
	    base64_encode(v->server, len, server, sizeof(server)) < 0) {
		return -1;
	}
	int n = snprintf(text, size, "%s%u$%s$%s$%s", prefixes[v->kind],
	    (unsigned)v->salt.iterations, salt, stored, server);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

enum status
verifier_check(const struct verifier *v, const char *text, const char *proof,
    uint8_t signature[PASSWORD_DIGEST])
{
	uint8_t key[CRYPTO_SHA256], mine[CRYPTO_SHA256], hash[CRYPTO_SHA256];
	size_t size = crypto_size(v->kind), len = strlen(text);
	bool whole =
	    base64_decode(proof, strlen(proof), key, size) == (ssize_t)size;

	if (!whole) {
		memset(key, 0, sizeof(key));
	}
	memset(signature, 0, PASSWORD_DIGEST);
	crypto_hmac(v->kind, v->stored, size, text, len, mine);
	for (size_t i = 0; i < size; i++) {
		key[i] ^= mine[i];
	}
	crypto_digest(v->kind, key, size, hash);
	crypto_hmac(v->kind, v->server, size, text, len, signature);
	bool right = crypto_equal(hash, v->stored, size);
	explicit_bzero(key, sizeof(key));
	return right && whole ? STATUS_OK : STATUS_NO;
}
