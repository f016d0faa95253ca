/* SPDX-License-Identifier: ISC */
/*
 * OAUTHBEARER: ("n" | "y") ",a=" name "," ^A *(key "=" value ^A) ^A
 * XOAUTH2:     "user=" name ^A "auth=Bearer " token ^A ^A
 */
#include "common/sasl/sasl_token.h"

#include <string.h>
#include <strings.h>

enum { SEPARATOR = 1 };

#define BEARER "Bearer "

/* True if all of it is visible ASCII. */
static bool
is_visible(const struct scram_span *s)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->at[i] <= ' ' || s->at[i] > '~') {
			return false;
		}
	}
	return true;
}

static bool
is(const struct scram_span *s, const char *text)
{
	return s->len == strlen(text) && memcmp(s->at, text, s->len) == 0;
}

/* A name; escaped: where "=2C" is a comma, and "=3D" an equals sign. */
static bool
set_user(struct sasl_token *t, const struct scram_span *s, bool escaped)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		char c = s->at[i];
		if (escaped && c == '=') {
			size_t left = s->len - i;
			if (left < 3 || (memcmp(s->at + i, "=2C", 3) != 0 &&
					    memcmp(s->at + i, "=3D", 3) != 0)) {
				return false;
			}
			c = s->at[i + 1] == '2' ? ',' : '=';
			i += 2;
		}
		if (n == SCRAM_SERVER_NAME || (c > '\0' && c < ' ') ||
		    c == '\0' || c == 0x7f) {
			return false;
		}
		t->user[n++] = c;
	}
	t->user[n] = '\0';
	return true;
}

/* "Bearer TOKEN", whose first word may have any case (RFC 9110, 11.1). */
static bool
set_token(struct sasl_token *t, const struct scram_span *value)
{
	size_t n = strlen(BEARER);

	if (value->len == 0) {
		return true; /* asks what is wanted */
	}
	if (value->len <= n || strncasecmp(value->at, BEARER, n) != 0) {
		return false;
	}
	t->token.at = value->at + n;
	t->token.len = value->len - n;
	return is_visible(&t->token);
}

static bool
set_span(struct sasl_token *t, const struct scram_span *key,
    const struct scram_span *value, bool bearer)
{
	if (is(key, "auth")) {
		return t->token.len == 0 && set_token(t, value);
	}
	if (!bearer && is(key, "user")) {
		return t->user[0] == '\0' && set_user(t, value, false);
	}
	if (is(key, "host")) {
		t->host = *value;
		return is_visible(value);
	}
	if (is(key, "port")) {
		t->port = *value;
		return is_visible(value);
	}
	return true; /* to be ignored, RFC 7628 section 3.1 */
}

/* Reads the pairs, each followed by ^A, and one ^A more. */
static bool
read_pairs(struct sasl_token *t, const char *at, const char *end, bool bearer)
{
	while (at < end && *at != SEPARATOR) {
		const char *stop = memchr(at, SEPARATOR, (size_t)(end - at));
		const char *equals =
		    stop == NULL ? NULL : memchr(at, '=', (size_t)(stop - at));
		if (equals == NULL) {
			return false;
		}
		struct scram_span key = { at, (size_t)(equals - at) };
		struct scram_span value = { equals + 1,
			(size_t)(stop - equals - 1) };
		if (!set_span(t, &key, &value, bearer)) {
			return false;
		}
		at = stop + 1;
	}
	return at + 1 == end;
}

/* Nothing said yet; what is not said is empty, and nowhere a null pointer. */
static void
begin_token(struct sasl_token *t)
{
	memset(t, 0, sizeof(*t));
	t->token.at = t->host.at = t->port.at = "";
}

bool
sasl_token_bearer(const char *message, size_t len, struct sasl_token *t)
{
	const char *end = message + len, *comma;

	begin_token(t);
	/* There is no channel binding with tokens: "p=" is none of these. */
	if (len < 3 || (message[0] != 'n' && message[0] != 'y') ||
	    message[1] != ',') {
		return false;
	}
	message += 2;
	comma = memchr(message, ',', (size_t)(end - message));
	if (comma == NULL) {
		return false;
	}
	if (comma > message) {
		struct scram_span name = { message + 2,
			(size_t)(comma - message) - 2 };
		if (comma - message < 3 || message[0] != 'a' ||
		    message[1] != '=' || !set_user(t, &name, true)) {
			return false;
		}
	}
	return comma + 1 < end && comma[1] == SEPARATOR &&
	       read_pairs(t, comma + 2, end, true);
}

bool
sasl_token_xoauth2(const char *message, size_t len, struct sasl_token *t)
{
	begin_token(t);
	return read_pairs(t, message, message + len, false);
}
