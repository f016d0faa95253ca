/* SPDX-License-Identifier: ISC */
/* The exchange of SCRAM, in the session. */
#include "common/sasl/sasl_scram.h"

#include "common/text/base64.h"

#include <stdio.h>
#include <string.h>

/* Appends to what was said; false: too much of it. */
static bool
say_message(struct sasl *s, const char *text, size_t len)
{
	size_t n = strlen(s->login.challenge);

	if (len >= sizeof(s->login.challenge) - n) {
		return false;
	}
	memcpy(s->login.challenge + n, text, len);
	s->login.challenge[n + len] = '\0';
	return true;
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
	if (f.authzid[0] != '\0' && !sasl_same_user(s, f.authzid, f.name)) {
		return sasl_fail(s, "wants to act for somebody else");
	}
	if (f.flag == 'y' && s->nbindings > 0) {
		/* RFC 5802 section 6: somebody took -PLUS out of our offer. */
		return sasl_fail(
		    s, "channel binding was hidden from the client");
	}
	if (plus && (b = find_binding(s, &f.binding)) == NULL) {
		return sasl_fail(s, "unknown channel binding");
	}
	if (!expect_binding(s, &f, b) ||
	    !say_message(s, f.bare.at, f.bare.len)) {
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
	return say_message(s, ",", 1) &&
	               say_message(s, s->prompt, strlen(s->prompt)) &&
	               say_message(s, ",", 1)
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
	    !sasl_field(s->login.secret, sizeof(s->login.secret), l.proof.at,
		l.proof.len) ||
	    !say_message(s, l.text.at, l.text.len)) {
		return SASL_MALFORMED;
	}
	if (!is(&l.nonce, s->both)) {
		return sasl_fail(s, "the nonce is another one");
	}
	if (!is(&l.binding, s->binding)) {
		return sasl_fail(s, "the channel binding does not match");
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

enum sasl_result
sasl_scram_step(struct sasl *s, const char *data, size_t len)
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
