/* SPDX-License-Identifier: ISC */
/* The SASL exchange, in the session. */
#include "common/sasl/sasl.h"

#include "common/names/names.h"
#include "common/sasl/sasl_scram.h"
#include "common/sasl/sasl_token.h"
#include "common/text/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const names[] = { "PLAIN", "LOGIN", "CRAM-MD5",
	"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1",
	"SCRAM-SHA-1-PLUS", "OAUTHBEARER", "XOAUTH2", "EXTERNAL" };

_Static_assert(sizeof(names) / sizeof(names[0]) == MECHANISMS, "a name each");

const char *
sasl_name(uint32_t mechanism)
{
	return names[mechanism];
}

static void
random_nonce(char nonce[SASL_NONCE + 1])
{
	uint8_t octets[SASL_NONCE / 4 * 3];

	arc4random_buf(octets, sizeof(octets));
	if (base64_encode(octets, sizeof(octets), nonce, SASL_NONCE + 1) < 0) {
		abort();
	}
}

bool
sasl_start(struct sasl *s, const char *mechanism, const char *hostname)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t m = 0; m < MECHANISMS; m++) {
		if (strcasecmp(names[m], mechanism) != 0) {
			continue;
		}
		s->login.mechanism = m;
		random_nonce(s->nonce);
		if (m == MECHANISM_CRAM_MD5) {
			snprintf(s->login.challenge, sizeof(s->login.challenge),
			    "<%08x%08x%08x.%lld@%s>", (unsigned)arc4random(),
			    (unsigned)arc4random(), (unsigned)arc4random(),
			    (long long)time(NULL), hostname);
		}
		return true;
	}
	return false;
}

bool
sasl_client_first(const struct sasl *s)
{
	return s->login.mechanism != MECHANISM_CRAM_MD5;
}

bool
sasl_field(char *dst, size_t size, const char *src, size_t len)
{
	if (len >= size || memchr(src, '\0', len) != NULL) {
		return false;
	}
	memcpy(dst, src, len);
	dst[len] = '\0';
	return true;
}

enum sasl_result
sasl_fail(struct sasl *s, const char *wrong)
{
	s->wrong = wrong;
	s->login.secret[0] = '\0';
	return SASL_DONE;
}

bool
sasl_same_user(const struct sasl *s, const char *a, const char *b)
{
	char one[USER_NAME + 1], other[USER_NAME + 1];

	return strcmp(a, b) == 0 ||
	       (s->config != NULL && user_name(s->config, a, one) &&
		   user_name(s->config, b, other) && strcmp(one, other) == 0);
}

/* No user may act for another one; one may have several names. */
static bool
acts_for_itself(const struct sasl *s, const char *authzid, size_t len)
{
	char text[sizeof(s->login.name)];

	return len == 0 || (sasl_field(text, sizeof(text), authzid, len) &&
			       sasl_same_user(s, text, s->login.name));
}

/* authzid NUL authcid NUL passwd */
static enum sasl_result
step_plain(struct sasl *s, const char *data, size_t len)
{
	const char *end = data + len;
	const char *name = memchr(data, '\0', len);
	const char *password =
	    name == NULL ? NULL
			 : memchr(name + 1, '\0', (size_t)(end - name - 1));

	if (password == NULL) {
		return SASL_MALFORMED;
	}
	size_t authzid = (size_t)(name - data);
	size_t authcid = (size_t)(password - name - 1);
	name++;
	password++;
	if (authcid == 0 ||
	    !sasl_field(s->login.name, sizeof(s->login.name), name, authcid) ||
	    !sasl_field(s->login.secret, sizeof(s->login.secret), password,
		(size_t)(end - password))) {
		return SASL_MALFORMED;
	}
	if (!acts_for_itself(s, data, authzid)) {
		s->login.name[0] = '\0';
		s->wrong = "wants to act for somebody else";
	}
	return SASL_DONE;
}

static enum sasl_result
step_login(struct sasl *s, const char *data, size_t len)
{
	bool first = s->login.name[0] == '\0';
	char *dst = first ? s->login.name : s->login.secret;
	size_t size = first ? sizeof(s->login.name) : sizeof(s->login.secret);

	if ((first && len == 0) || !sasl_field(dst, size, data, len)) {
		return SASL_MALFORMED;
	}
	if (!first) {
		return SASL_DONE;
	}
	strlcpy(s->prompt, "Password:", sizeof(s->prompt));
	return SASL_CONTINUE;
}

/* name SP 32 hex digits */
static enum sasl_result
step_cram(struct sasl *s, const char *data, size_t len)
{
	size_t name = len;

	while (name > 0 && data[name - 1] != ' ') {
		name--;
	}
	if (name < 2 ||
	    !sasl_field(s->login.name, sizeof(s->login.name), data, name - 1) ||
	    !sasl_field(s->login.secret, sizeof(s->login.secret), data + name,
		len - name)) {
		return SASL_MALFORMED;
	}
	for (char *p = s->login.secret; *p != '\0'; p++) {
		*p = (char)(*p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);
	}
	return SASL_DONE;
}

/* The name, the token and where the client believes to be, in a login. */
static enum sasl_result
step_token(struct sasl *s, const char *data, size_t len)
{
	bool bearer = s->login.mechanism == MECHANISM_OAUTHBEARER;
	struct sasl_token t;

	if (bearer ? !sasl_token_bearer(data, len, &t)
		   : !sasl_token_xoauth2(data, len, &t)) {
		return SASL_MALFORMED;
	}
	int n = snprintf(s->login.secret, sizeof(s->login.secret), "%.*s %.*s",
	    (int)t.host.len, t.host.at, (int)t.port.len, t.port.at);
	if (n < 0 || (size_t)n >= sizeof(s->login.secret) ||
	    !sasl_field(s->login.challenge, sizeof(s->login.challenge),
		t.token.at, t.token.len)) {
		return SASL_MALFORMED;
	}
	strlcpy(s->login.name, t.user, sizeof(s->login.name));
	if (s->login.name[0] == '\0' || t.token.len == 0) {
		/* Empty names and tokens fail without asking anybody. */
		s->login.name[0] = '\0';
		s->wrong = "says no user or no token";
	}
	return SASL_DONE;
}

/* The name, or nothing: then it is the certificate's user. */
static enum sasl_result
step_external(struct sasl *s, const char *data, size_t len)
{
	if (!sasl_field(s->login.name, sizeof(s->login.name), data, len)) {
		return SASL_MALFORMED;
	}
	strlcpy(s->login.secret, s->certificate, sizeof(s->login.secret));
	return len == 0 ? SASL_NAME : SASL_DONE;
}

enum sasl_result
sasl_name_is(struct sasl *s, const char *name)
{
	if (name[0] == '\0') {
		return sasl_fail(s, "the certificate is no one user's");
	}
	strlcpy(s->login.name, name, sizeof(s->login.name));
	return SASL_DONE;
}

void
sasl_bind(struct sasl *s, const char *name, const uint8_t *data, size_t size)
{
	struct sasl_binding *b = &s->bindings[s->nbindings++];

	b->name = name;
	b->size = size;
	memcpy(b->data, data, size);
}

/* What comes before the client has said anything. */
static const char *
first_prompt(const struct sasl *s)
{
	switch ((enum mechanism)s->login.mechanism) {
	case MECHANISM_LOGIN:
		return "Username:";
	case MECHANISM_CRAM_MD5:
		return s->login.challenge;
	case MECHANISM_PLAIN:
	case MECHANISM_SCRAM:
	case MECHANISM_SCRAM_PLUS:
	case MECHANISM_SCRAM_SHA1:
	case MECHANISM_SCRAM_SHA1_PLUS:
	case MECHANISM_OAUTHBEARER:
	case MECHANISM_XOAUTH2:
	case MECHANISM_EXTERNAL:
		break;
	}
	return "";
}

enum sasl_result
sasl_step(struct sasl *s, const char *data, size_t len)
{
	if (data == NULL) {
		strlcpy(s->prompt, first_prompt(s), sizeof(s->prompt));
		return SASL_CONTINUE;
	}
	switch ((enum mechanism)s->login.mechanism) {
	case MECHANISM_PLAIN:
		break;
	case MECHANISM_LOGIN:
		return step_login(s, data, len);
	case MECHANISM_CRAM_MD5:
		return step_cram(s, data, len);
	case MECHANISM_SCRAM:
	case MECHANISM_SCRAM_PLUS:
	case MECHANISM_SCRAM_SHA1:
	case MECHANISM_SCRAM_SHA1_PLUS:
		return sasl_scram_step(s, data, len);
	case MECHANISM_OAUTHBEARER:
	case MECHANISM_XOAUTH2:
		return step_token(s, data, len);
	case MECHANISM_EXTERNAL:
		return step_external(s, data, len);
	}
	return step_plain(s, data, len);
}
