/* SPDX-License-Identifier: ISC */
/*
 * DKIM and ARC on any message: where it is cut does not matter, nothing passes
 * without a key, and any answer ends it.  Keys are read from the message, too;
 * and whatever it is, it can be signed, or it is said that it cannot.
 */
#include "common/auth/arc.h"
#include "common/auth/dkim.h"
#include "common/auth/dkim_key.h"
#include "common/auth/dkim_make.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>

static size_t
head_length(const char *text, size_t size)
{
	const char *at = text;
	struct field f;

	while (header_next(&at, text + size, &f)) {
		continue;
	}
	return (size_t)(at - text);
}

/* Verifies it; the results, a digit each. */
static void
verify(const char *text, size_t size, size_t step, char results[DKIM_MOST + 2])
{
	size_t head = head_length(text, size);
	struct span record = { text, size };
	struct dkim *d = dkim_open(text, head, "example.org", 1796100000);
	struct arc *a = arc_open(text, head, 1796100000);
	char name[DKIM_QUESTION];
	struct dkim_report r;
	struct arc_report chain;
	size_t i;

	MUST(d != NULL && a != NULL && dkim_count(d) <= DKIM_MOST);
	for (size_t at = head; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		dkim_body(d, text + at, n);
		arc_body(a, text + at, n);
	}
	dkim_body_end(d);
	arc_body_end(a);
	for (i = 0; i < dkim_count(d); i++) {
		if (dkim_question(d, i, name)) {
			dkim_answer(d, i, DKIM_LOOKUP_OK, &record, 1);
		}
		dkim_report(d, i, &r);
		MUST(r.result != DKIM_NONE);
		MUST((r.result == DKIM_PASS) == (r.reason[0] == '\0') ||
		     r.testing);
		results[i] = (char)('0' + (int)r.result);
	}
	for (size_t k = 0; k < arc_questions(a); k++) {
		if (arc_question(a, k, name)) {
			arc_answer(a, k, DKIM_LOOKUP_OK, &record, 1);
		}
	}
	arc_report(a, &chain);
	MUST(chain.sets <= ARC_SETS);
	results[i++] = (char)('0' + (int)chain.result);
	results[i] = '\0';
	arc_close(a);
	dkim_close(d);
}

static void
sign(const char *text, size_t size, size_t step, uint8_t digest[CRYPTO_SHA256])
{
	const struct dkim_make_key key = { "example.org", "s",
		PUBLIC_KEY_ED25519 };
	struct dkim_make *m = dkim_make_open();
	struct output out = { 0 };
	char author[DKIM_DOMAIN];

	MUST(m != NULL);
	for (size_t at = 0; at < size; at += step) {
		dkim_make_feed(
		    m, text + at, size - at < step ? size - at : step);
	}
	memset(digest, 0, CRYPTO_SHA256);
	errno = 0;
	if (dkim_make_end(m)) {
		(void)dkim_make_author(m, author);
		MUST(dkim_make_digest(m, &key, 1796100000, digest));
		dkim_make_field(m, digest, CRYPTO_SHA256, &out);
		MUST(out.len > 2 &&
		     memcmp(out.data + out.len - 2, "\r\n", 2) == 0);
	} else {
		MUST(errno == E2BIG);
	}
	output_free(&out);
	dkim_make_close(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char whole[DKIM_MOST + 2], parts[DKIM_MOST + 2];
	uint8_t all[CRYPTO_SHA256], some[CRYPTO_SHA256];
	struct span record = { text, size };
	struct dkim_key key;

	(void)dkim_key_read(&record, 1, PUBLIC_KEY_RSA, &key);
	verify(text, size, size + 1, whole);
	sign(text, size, size + 1, all);
	for (size_t step = 1; step < size && step < 100; step = step * 5 + 1) {
		verify(text, size, step, parts);
		MUST(strcmp(whole, parts) == 0);
		sign(text, size, step, some);
		MUST(memcmp(all, some, sizeof(all)) == 0);
	}
	free(text);
	return 0;
}
