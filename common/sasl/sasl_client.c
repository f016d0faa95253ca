/* SPDX-License-Identifier: ISC */
/* Logs in as a client: each mechanism is a function of challenge and state. */
#include "common/sasl/sasl_client.h"

#include "common/sasl/cram.h"
#include "common/sasl/scram.h"
#include "common/text/base64.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECRET = 4096, NAME = 512 }; /* tokens are long */

struct sasl_client {
	const struct mechanism *mechanism;
	unsigned steps;
	bool done;
	char user[NAME];
	char secret[SECRET];
	struct scram_client scram;
};

/* What a mechanism answers to, in answer and len; false: cancel. */
typedef bool step(struct sasl_client *, const char *challenge, size_t size,
    char *answer, size_t *len);

struct mechanism {
	const char *name;
	step *step;
	bool first;  /* the client speaks first */
	bool hidden; /* the secret does not go over the wire */
	bool token;
};

static bool
step_scram(struct sasl_client *c, const char *challenge, size_t size,
    char *answer, size_t *len)
{
	uint8_t random[SCRAM_NONCE / 4 * 3];
	char nonce[SCRAM_NONCE + 1], message[SCRAM_MESSAGE] = "";
	bool good;

	switch (c->steps) {
	case 0:
		arc4random_buf(random, sizeof(random));
		good = base64_encode(
			   random, sizeof(random), nonce, sizeof(nonce)) > 0 &&
		       scram_first(&c->scram, c->user, nonce, message);
		break;
	case 1:
		good =
		    scram_final(&c->scram, c->secret, challenge, size, message);
		break;
	case 2:
		good = c->done = scram_verify(&c->scram, challenge, size);
		break;
	default:
		good = c->done = false;
	}
	*len = strlen(message);
	memcpy(answer, message, *len);
	return good;
}

static bool
step_plain(struct sasl_client *c, const char *challenge, size_t size,
    char *answer, size_t *len)
{
	size_t user = strlen(c->user), secret = strlen(c->secret);

	(void)challenge;
	(void)size;
	answer[0] = '\0';
	memcpy(answer + 1, c->user, user + 1);
	memcpy(answer + 1 + user + 1, c->secret, secret);
	*len = 1 + user + 1 + secret;
	c->done = true;
	return c->steps == 0;
}

/* The prompts say all kinds of things; their order is what counts. */
static bool
step_login(struct sasl_client *c, const char *challenge, size_t size,
    char *answer, size_t *len)
{
	const char *text = c->steps == 0 ? c->user : c->secret;

	(void)challenge;
	(void)size;
	*len = strlen(text);
	memcpy(answer, text, *len);
	c->done = c->steps == 1;
	return c->steps <= 1;
}

static bool
step_cram(struct sasl_client *c, const char *challenge, size_t size,
    char *answer, size_t *len)
{
	char states[CRAM_STATES + 1], hex[CRAM_ANSWER + 1];

	cram_make(c->secret, states);
	bool good = c->steps == 0 && cram_answer(states, challenge, size, hex);
	explicit_bzero(states, sizeof(states));
	if (good) {
		int n =
		    snprintf(answer, SASL_CLIENT_DATA, "%s %s", c->user, hex);
		*len = (size_t)n;
		c->done = true;
	}
	return good;
}

/* "user=NAME^Aauth=Bearer TOKEN^A^A"; when that is refused the reasons come as
   a challenge, which takes an empty answer before the refusal proper. */
static bool
step_xoauth2(struct sasl_client *c, const char *challenge, size_t size,
    char *answer, size_t *len)
{
	(void)challenge;
	(void)size;
	*len = 0;
	if (c->steps == 0) {
		int n = snprintf(answer, SASL_CLIENT_DATA,
		    "user=%s\001auth=Bearer %s\001\001", c->user, c->secret);
		*len = (size_t)n;
	}
	c->done = c->steps == 0;
	return c->steps <= 1;
}

/*
 * "n,a=NAME,^Aauth=Bearer TOKEN^A^A", RFC 7628 section 3.1, without host and
 * port: a token is for what its provider says.  A refusal comes as a challenge,
 * which takes one ^A before the reply (section 3.2.3).
 */
static bool
step_bearer(struct sasl_client *c, const char *challenge, size_t size,
    char *answer, size_t *len)
{
	(void)challenge;
	(void)size;
	if (c->steps > 0) {
		answer[0] = '\001';
		*len = 1;
		c->done = false;
		return c->steps == 1;
	}
	strlcpy(answer, "n,a=", SASL_CLIENT_DATA);
	(void)scram_add_name(answer, SASL_CLIENT_DATA, c->user);
	*len = strlen(answer);
	*len += (size_t)snprintf(answer + *len, SASL_CLIENT_DATA - *len,
	    ",\001auth=Bearer %s\001\001", c->secret);
	c->done = true;
	return true; /* NAME and SECRET fit, three times the one */
}

/* The best first.  CRAM-MD5 is last: servers offer it that cannot do it,
   because they have hashes only. */
static const struct mechanism mechanisms[] = {
	{ "SCRAM-SHA-256", step_scram, true, true, false },
	{ "OAUTHBEARER", step_bearer, true, false, true },
	{ "XOAUTH2", step_xoauth2, true, false, true },
	{ "PLAIN", step_plain, true, false, false },
	{ "LOGIN", step_login, false, false, false },
	{ "CRAM-MD5", step_cram, false, true, false },
};

enum { MECHANISMS = sizeof(mechanisms) / sizeof(mechanisms[0]) };

/* True if the words, separated by blanks, have that one. */
static bool
has_word(const char *words, const char *word)
{
	size_t want = strlen(word);

	for (;;) {
		words += strspn(words, " \t");
		size_t n = strcspn(words, " \t");
		if (n == 0) {
			return false;
		}
		if (n == want && strncasecmp(words, word, n) == 0) {
			return true;
		}
		words += n;
	}
}

const char *
sasl_client_choose(
    const char *offered, const char *tried, bool token, bool secure)
{
	for (size_t i = 0; i < MECHANISMS; i++) {
		const struct mechanism *m = &mechanisms[i];
		if (m->token == token && (m->hidden || secure) &&
		    has_word(offered, m->name) && !has_word(tried, m->name)) {
			return m->name;
		}
	}
	return NULL;
}

struct sasl_client *
sasl_client_open(const char *mechanism, const char *user, const char *secret)
{
	struct sasl_client *c = calloc(1, sizeof(*c));

	for (size_t i = 0; c != NULL && i < MECHANISMS; i++) {
		if (strcasecmp(mechanisms[i].name, mechanism) == 0) {
			c->mechanism = &mechanisms[i];
		}
	}
	if (c == NULL || c->mechanism == NULL ||
	    strlcpy(c->user, user, sizeof(c->user)) >= sizeof(c->user) ||
	    strlcpy(c->secret, secret, sizeof(c->secret)) >=
		sizeof(c->secret)) {
		sasl_client_close(c);
		return NULL;
	}
	return c;
}

void
sasl_client_close(struct sasl_client *c)
{
	if (c != NULL) {
		explicit_bzero(c, sizeof(*c));
		free(c);
	}
}

bool
sasl_client_starts(const struct sasl_client *c)
{
	return c->mechanism->first;
}

bool
sasl_client_step(struct sasl_client *c, const char *challenge, size_t size,
    char answer[SASL_CLIENT_DATA], size_t *len)
{
	*len = 0;
	if (challenge == NULL) {
		challenge = "";
		size = 0;
	}
	bool good = c->mechanism->step(c, challenge, size, answer, len);
	c->steps++;
	c->done = c->done && good;
	return good;
}

bool
sasl_client_done(const struct sasl_client *c)
{
	return c->done;
}
