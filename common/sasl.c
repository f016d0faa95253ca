/* SPDX-License-Identifier: ISC */
/* The SASL exchange, in the session. */
#include "common/sasl.h"

#include "common/base64.h"
#include "common/sasl_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const names[] = { "PLAIN", "LOGIN", "CRAM-MD5",
	"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1",
	"SCRAM-SHA-1-PLUS", "OAUTHBEARER", "XOAUTH2" };

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

/* Copies bytes without NUL into a field. */
static bool
field(char *dst, size_t size, const char *src, size_t len)
{
	if (len >= size || memchr(src, '\0', len) != NULL) {
		return false;
	}
	memcpy(dst, src, len);
	dst[len] = '\0';
	return true;
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
	    !field(s->login.name, sizeof(s->login.name), name, authcid) ||
	    !field(s->login.secret, sizeof(s->login.secret), password,
		(size_t)(end - password))) {
		return SASL_MALFORMED;
	}
	/* Nobody acts for somebody else here. */
	if (authzid != 0 &&
	    (authzid != authcid || memcmp(data, name, authcid) != 0)) {
		s->login.name[0] = '\0';
	}
	return SASL_DONE;
}

static enum sasl_result
step_login(struct sasl *s, const char *data, size_t len)
{
	bool first = s->login.name[0] == '\0';
	char *dst = first ? s->login.name : s->login.secret;
	size_t size = first ? sizeof(s->login.name) : sizeof(s->login.secret);

	if ((first && len == 0) || !field(dst, size, data, len)) {
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
	    !field(s->login.name, sizeof(s->login.name), data, name - 1) ||
	    !field(s->login.secret, sizeof(s->login.secret), data + name,
		len - name)) {
		return SASL_MALFORMED;
	}
	for (char *p = s->login.secret; *p != '\0'; p++) {
		*p = (char)(*p >= 'A' && *p <= 'F' ? *p | 0x20 : *p);
	}
	return SASL_DONE;
}

/* ---- SCRAM ---- */

/* Appends to what was said; false: too much of it. */
static bool
say(struct sasl *s, const char *text, size_t len)
{
	size_t n = strlen(s->login.challenge);

	if (len >= sizeof(s->login.challenge) - n) {
		return false;
	}
	memcpy(s->login.challenge + n, text, len);
	s->login.challenge[n + len] = '\0';
	return true;
}

/* Whatever else comes, this login fails. */
static enum sasl_result
fail(struct sasl *s, const char *wrong)
{
	s->wrong = wrong;
	s->login.secret[0] = '\0';
	return SASL_DONE;
}

static const struct sasl_binding *
find_binding(const struct sasl *s, const struct scram_span *name)
{
	for (size_t i = 0; i < s->nbindings; i++) {
		const struct sasl_binding *b = &s->bindings[i];
		if (strlen(b->name) == name->len &&
		    memcmp(b->name, name->at, name->len) == 0) {
			return b;
		}
	}
	return NULL;
}

/* What the client must say of its channel in the end. */
static bool
expect_binding(
    struct sasl *s, const struct scram_first *f, const struct sasl_binding *b)
{
	char all[SASL_HEADER / 4 * 3 - 1];
	size_t n = b == NULL ? 0 : b->size;

	if (f->header.len + n > sizeof(all)) {
		return false;
	}
	memcpy(all, f->header.at, f->header.len);
	if (n > 0) {
		memcpy(all + f->header.len, b->data, n);
	}
	return base64_encode(
		   all, f->header.len + n, s->binding, sizeof(s->binding)) >= 0;
}

static enum sasl_result
scram_first(struct sasl *s, const char *data, size_t len)
{
	bool plus = s->login.mechanism == MECHANISM_SCRAM_PLUS ||
	            s->login.mechanism == MECHANISM_SCRAM_SHA1_PLUS;
	const struct sasl_binding *b = NULL;
	struct scram_first f;

	if (!scram_read_first(data, len, &f) || (f.flag == 'p') != plus) {
		return SASL_MALFORMED;
	}
	strlcpy(s->login.name, f.name, sizeof(s->login.name));
	if (f.authzid[0] != '\0' && strcmp(f.authzid, f.name) != 0) {
		return fail(s, "wants to act for somebody else");
	}
	if (f.flag == 'y' && s->nbindings > 0) {
		/* RFC 5802 section 6: somebody took -PLUS out of our offer. */
		return fail(s, "channel binding was hidden from the client");
	}
	if (plus && (b = find_binding(s, &f.binding)) == NULL) {
		return fail(s, "unknown channel binding");
	}
	if (!expect_binding(s, &f, b) || !say(s, f.bare.at, f.bare.len)) {
		return SASL_MALFORMED;
	}
	snprintf(s->both, sizeof(s->both), "%.*s%s", (int)f.nonce.len,
	    f.nonce.at, s->nonce);
	s->step = 1;
	return SASL_SALT;
}

enum sasl_result
sasl_salt(struct sasl *s, const struct password_salt *salt)
{
	char text[BASE64_SIZE(PASSWORD_SALT)];

	if (base64_encode(salt->salt, salt->size, text, sizeof(text)) < 0) {
		return SASL_MALFORMED;
	}
	snprintf(s->prompt, sizeof(s->prompt), "r=%s,s=%s,i=%u", s->both, text,
	    (unsigned)salt->iterations);
	return say(s, ",", 1) && say(s, s->prompt, strlen(s->prompt)) &&
	               say(s, ",", 1)
	           ? SASL_CONTINUE
	           : SASL_MALFORMED;
}

static bool
is(const struct scram_span *span, const char *text)
{
	return span->len == strlen(text) &&
	       memcmp(span->at, text, span->len) == 0;
}

static enum sasl_result
scram_last(struct sasl *s, const char *data, size_t len)
{
	struct scram_last l;

	if (!scram_read_last(data, len, &l) ||
	    !field(s->login.secret, sizeof(s->login.secret), l.proof.at,
		l.proof.len) ||
	    !say(s, l.text.at, l.text.len)) {
		return SASL_MALFORMED;
	}
	if (!is(&l.nonce, s->both)) {
		return fail(s, "the nonce is another one");
	}
	if (!is(&l.binding, s->binding)) {
		return fail(s, "the channel binding does not match");
	}
	s->step = 2;
	return SASL_PROOF;
}

enum sasl_result
sasl_signature(struct sasl *s, const uint8_t signature[PASSWORD_DIGEST])
{
	char text[BASE64_SIZE(PASSWORD_DIGEST)];

	if (base64_encode(signature, crypto_size(login_kind(&s->login)), text,
		sizeof(text)) < 0) {
		return SASL_MALFORMED;
	}
	snprintf(s->prompt, sizeof(s->prompt), "v=%s", text);
	return SASL_CONTINUE;
}

static enum sasl_result
step_scram(struct sasl *s, const char *data, size_t len)
{
	switch (s->step) {
	case 0:
		return scram_first(s, data, len);
	case 1:
		return scram_last(s, data, len);
	}
	/* It has seen our signature, and has nothing to add. */
	return len == 0 ? SASL_DONE : SASL_MALFORMED;
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
	    !field(s->login.challenge, sizeof(s->login.challenge), t.token.at,
		t.token.len)) {
		return SASL_MALFORMED;
	}
	strlcpy(s->login.name, t.user, sizeof(s->login.name));
	if (s->login.name[0] == '\0' || t.token.len == 0) {
		/* An empty name is nobody's, an empty token is not asked of. */
		s->login.name[0] = '\0';
		s->wrong = "says no user or no token";
	}
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
		return step_scram(s, data, len);
	case MECHANISM_OAUTHBEARER:
	case MECHANISM_XOAUTH2:
		return step_token(s, data, len);
	}
	return step_plain(s, data, len);
}
