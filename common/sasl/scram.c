/* SPDX-License-Identifier: ISC */
/* SCRAM messages: "r=NONCE,s=SALT,i=ITERATIONS" and the like. */
#include "common/sasl/scram.h"

#include "common/text/base64.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "n,,"   /* no channel binding, no other identity */
#define BINDING "biws" /* the same in base64 */

enum { SALT = 512, AUTH_MESSAGE = SCRAM_BARE + 2 * SCRAM_CHALLENGE + 64 };

struct challenge {
	const char *nonce;
	size_t nonce_len;
	uint8_t salt[SALT];
	size_t salt_len;
	unsigned iterations;
};

struct keys {
	uint8_t salted[CRYPTO_SHA256], client[CRYPTO_SHA256];
	uint8_t stored[CRYPTO_SHA256], server[CRYPTO_SHA256];
	uint8_t proof[CRYPTO_SHA256];
};

bool
scram_add_name(char *dst, size_t size, const char *user)
{
	for (; *user != '\0'; user++) {
		char c[2] = { *user, '\0' };
		const char *text = *user == '='   ? "=3D"
		                   : *user == ',' ? "=2C"
		                                  : c;
		if (strlcat(dst, text, size) >= size) {
			return false;
		}
	}
	return true;
}

bool
scram_first(struct scram_client *s, const char *user, const char *nonce,
    char message[SCRAM_MESSAGE])
{
	char rest[SCRAM_NONCE + 4];

	snprintf(s->nonce, sizeof(s->nonce), "%s", nonce);
	snprintf(rest, sizeof(rest), ",r=%s", s->nonce);
	strlcpy(s->bare, "n=", sizeof(s->bare));
	if (!scram_add_name(s->bare, sizeof(s->bare), user) ||
	    strlcat(s->bare, rest, sizeof(s->bare)) >= sizeof(s->bare)) {
		return false;
	}
	snprintf(message, SCRAM_MESSAGE, HEADER "%s", s->bare);
	return true;
}

/* The value of an attribute at *p, whose comma is passed over. */
static bool
attribute(const char **p, char name, const char **value, size_t *len)
{
	if ((*p)[0] != name || (*p)[1] != '=') {
		return false;
	}
	*value = *p + 2;
	*len = strcspn(*value, ",");
	*p = *value + *len;
	*p += **p == ',';
	return *len > 0;
}

/* Extensions may follow; one that is mandatory (m=) would come first. */
static bool
parse_challenge(const char *text, struct challenge *c)
{
	const char *salt, *count, *why = NULL;
	char digits[16];
	size_t salt_len, len;

	if (!attribute(&text, 'r', &c->nonce, &c->nonce_len) ||
	    !attribute(&text, 's', &salt, &salt_len) ||
	    !attribute(&text, 'i', &count, &len) || len >= sizeof(digits) ||
	    strspn(count, "0123456789") != len) {
		return false;
	}
	memcpy(digits, count, len);
	digits[len] = '\0';
	c->iterations = (unsigned)strtonum(digits, 1, SCRAM_ITERATIONS, &why);
	ssize_t n = base64_decode(salt, salt_len, c->salt, sizeof(c->salt));
	c->salt_len = n > 0 ? (size_t)n : 0;
	return why == NULL && n > 0;
}

/* RFC 5802 section 3. */
static void
derive(struct keys *k, const char *password, const struct challenge *c,
    const char *text, uint8_t signature[CRYPTO_SHA256])
{
	uint8_t mine[CRYPTO_SHA256];

	crypto_pbkdf2(CRYPTO_KIND_SHA256, password, c->salt, c->salt_len,
	    c->iterations, k->salted);
	crypto_hmac(CRYPTO_KIND_SHA256, k->salted, sizeof(k->salted),
	    "Client Key", 10, k->client);
	crypto_sha256(k->client, sizeof(k->client), k->stored);
	crypto_hmac(CRYPTO_KIND_SHA256, k->stored, sizeof(k->stored), text,
	    strlen(text), mine);
	crypto_hmac(CRYPTO_KIND_SHA256, k->salted, sizeof(k->salted),
	    "Server Key", 10, k->server);
	crypto_hmac(CRYPTO_KIND_SHA256, k->server, sizeof(k->server), text,
	    strlen(text), signature);
	for (size_t i = 0; i < CRYPTO_SHA256; i++) {
		k->proof[i] = k->client[i] ^ mine[i];
	}
}

bool
scram_final(struct scram_client *s, const char *password, const char *challenge,
    size_t len, char message[SCRAM_MESSAGE])
{
	char text[SCRAM_CHALLENGE], all[AUTH_MESSAGE];
	char proof[BASE64_SIZE(CRYPTO_SHA256)];
	struct challenge c;
	struct keys keys;

	if (len >= sizeof(text) || memchr(challenge, '\0', len) != NULL) {
		return false;
	}
	memcpy(text, challenge, len);
	text[len] = '\0';
	/* The server must have added to our nonce. */
	if (!parse_challenge(text, &c) || c.nonce_len <= strlen(s->nonce) ||
	    strncmp(c.nonce, s->nonce, strlen(s->nonce)) != 0) {
		return false;
	}
	int n = (int)c.nonce_len;
	snprintf(all, sizeof(all), "%s,%s,c=" BINDING ",r=%.*s", s->bare, text,
	    n, c.nonce);
	derive(&keys, password, &c, all, s->server);
	bool good = base64_encode(keys.proof, sizeof(keys.proof), proof,
			sizeof(proof)) > 0;
	explicit_bzero(&keys, sizeof(keys));
	snprintf(message, SCRAM_MESSAGE, "c=" BINDING ",r=%.*s,p=%s", n,
	    c.nonce, proof);
	return good;
}

bool
scram_verify(const struct scram_client *s, const char *words, size_t len)
{
	uint8_t signature[CRYPTO_SHA256 + 1];

	if (len < 2 || words[0] != 'v' || words[1] != '=') {
		return false; /* e= is an error in words */
	}
	const char *comma = memchr(words, ',', len);
	size_t n = comma == NULL ? len : (size_t)(comma - words);
	return base64_decode(words + 2, n - 2, signature, sizeof(signature)) ==
	           CRYPTO_SHA256 &&
	       crypto_equal(signature, s->server, CRYPTO_SHA256);
}
