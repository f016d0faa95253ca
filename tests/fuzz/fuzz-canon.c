/* SPDX-License-Identifier: ISC */
/*
 * Canonical forms: where a message is cut does not matter; a canonical form is
 * its own canonical form, and never longer than what it was made of, but for
 * its line ends.
 */
#include "common/auth/canon.h"

#include "tests/fuzz/fuzz.h"

struct text {
	char *octets;
	size_t len, size;
};

static void
add(void *context, const char *octets, size_t len)
{
	struct text *t = context;

	MUST(len <= t->size - t->len);
	memcpy(t->octets + t->len, octets, len);
	t->len += len;
}

static void
body(enum canon form, const char *text, size_t size, size_t step,
    uint64_t limit, struct text *out)
{
	struct canon_body b = {
		.form = form, .limit = limit, .sink = { add, out }
	};

	out->len = 0;
	for (size_t i = 0; i < size; i += step) {
		canon_body_feed(
		    &b, text + i, size - i < step ? size - i : step);
	}
	canon_body_end(&b);
	MUST(b.octets < limit ? out->len == b.octets : out->len == limit);
}

static void
section(enum canon form, const char *text, size_t size, struct text *out)
{
	struct canon_sink sink = { add, out };
	const char *at = text;
	struct field f;

	while (header_next(&at, text + size, &f)) {
		out->len = 0;
		canon_field(form, &f, &sink);
		MUST(out->len >= 3);
		MUST(memcmp(out->octets + out->len - 2, "\r\n", 2) == 0);
		size_t len = out->len;
		out->len = 0;
		canon_signature(form, &f, &sink);
		MUST(out->len + 2 <= len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct text a = { malloc(2 * size + 8), 0, 2 * size + 8 };
	struct text b = { malloc(2 * size + 8), 0, 2 * size + 8 };

	MUST(a.octets != NULL && b.octets != NULL);
	for (enum canon form = CANON_SIMPLE; form <= CANON_RELAXED; form++) {
		body(form, text, size, size + 1, UINT64_MAX, &a);
		for (size_t step = 1; step < size; step = step * 3 + 1) {
			body(form, text, size, step, UINT64_MAX, &b);
			MUST(a.len == b.len &&
			     memcmp(a.octets, b.octets, a.len) == 0);
		}
		body(form, text, size, 7, size / 2, &b);
		MUST(b.len <= a.len && memcmp(a.octets, b.octets, b.len) == 0);
		body(form, a.octets, a.len, 5, UINT64_MAX, &b);
		MUST(a.len == b.len && memcmp(a.octets, b.octets, a.len) == 0);
		section(form, text, size, &a);
	}
	free(b.octets);
	free(a.octets);
	free(text);
	return 0;
}
