/* SPDX-License-Identifier: ISC */
/*
 * first: flag "," ["a=" name] "," "n=" name ",r=" nonce ["," extensions]
 * last:  "c=" binding ",r=" nonce ["," extensions] ",p=" proof
 */
#include "common/sasl/scram_server.h"

#include <string.h>

/* What is left to read. */
struct rest {
	const char *at, *end;
};

/* True if the rest begins with a text; passes over it. */
static bool
skip(struct rest *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0) {
		return false;
	}
	r->at += n;
	return true;
}

/* All up to the next comma, or to the end; it may not be empty. */
static bool
value(struct rest *r, struct scram_span *span)
{
	size_t left = (size_t)(r->end - r->at);
	const char *comma = memchr(r->at, ',', left);

	span->at = r->at;
	span->len = comma == NULL ? left : (size_t)(comma - r->at);
	r->at += span->len;
	return span->len > 0;
}

/* A name, where "=2C" is a comma and "=3D" an equals sign. */
static bool
name(struct rest *r, char text[SCRAM_SERVER_NAME + 1])
{
	struct scram_span span;
	size_t n = 0;

	if (!value(r, &span)) {
		return false;
	}
	for (size_t i = 0; i < span.len; i++) {
		char c = span.at[i];
		if (c == '=') {
			bool comma = span.len - i >= 3 &&
			             memcmp(span.at + i, "=2C", 3) == 0;
			bool equals = span.len - i >= 3 &&
			              memcmp(span.at + i, "=3D", 3) == 0;
			if (!comma && !equals) {
				return false;
			}
			c = comma ? ',' : '=';
			i += 2;
		}
		if (n == SCRAM_SERVER_NAME) {
			return false;
		}
		text[n++] = c;
	}
	text[n] = '\0';
	return true;
}

/* Printable ASCII; the comma has ended it already. */
static bool
nonce(struct rest *r, struct scram_span *span)
{
	if (!value(r, span) || span->len > 2 * SCRAM_SERVER_NONCE) {
		return false;
	}
	for (size_t i = 0; i < span->len; i++) {
		if (span->at[i] <= ' ' || span->at[i] > '~') {
			return false;
		}
	}
	return true;
}

/* Extensions that we do not know; what a client must know is not ours. */
static bool
extensions(struct rest *r)
{
	struct scram_span span;

	while (skip(r, ",")) {
		if (!value(r, &span) || span.len < 2 || span.at[1] != '=' ||
		    span.at[0] == 'm') {
			return false;
		}
	}
	return r->at == r->end;
}

static bool
read_header(struct rest *r, struct scram_first *f)
{
	const char *begin = r->at;

	f->binding.len = 0;
	f->flag = r->at < r->end ? *r->at : '\0';
	if (skip(r, "p=")) {
		if (!value(r, &f->binding)) {
			return false;
		}
	} else if (!skip(r, "n") && !skip(r, "y")) {
		return false;
	}
	f->authzid[0] = '\0';
	if (!skip(r, ",") || (skip(r, "a=") && !name(r, f->authzid)) ||
	    !skip(r, ",")) {
		return false;
	}
	f->header.at = begin;
	f->header.len = (size_t)(r->at - begin);
	return true;
}

bool
scram_read_first(const char *message, size_t len, struct scram_first *f)
{
	struct rest r = { .at = message, .end = message + len };

	if (memchr(message, '\0', len) != NULL || !read_header(&r, f)) {
		return false;
	}
	f->bare.at = r.at;
	f->bare.len = (size_t)(r.end - r.at);
	return skip(&r, "n=") && name(&r, f->name) && skip(&r, ",r=") &&
	       nonce(&r, &f->nonce) && f->nonce.len <= SCRAM_SERVER_NONCE &&
	       extensions(&r);
}

bool
scram_read_last(const char *message, size_t len, struct scram_last *l)
{
	struct rest r = { .at = message, .end = message + len };
	size_t n = len;

	if (memchr(message, '\0', len) != NULL) {
		return false;
	}
	/* The proof is the last attribute. */
	while (n > 0 && message[n - 1] != ',') {
		n--;
	}
	if (n == 0) {
		return false;
	}
	struct rest proof = { .at = message + n, .end = r.end };
	r.end = message + n - 1;
	l->text.at = message;
	l->text.len = n - 1;
	return skip(&r, "c=") && value(&r, &l->binding) && skip(&r, ",r=") &&
	       nonce(&r, &l->nonce) && extensions(&r) && skip(&proof, "p=") &&
	       value(&proof, &l->proof);
}
