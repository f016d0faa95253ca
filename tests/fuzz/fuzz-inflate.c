/* SPDX-License-Identifier: ISC */
/* DEFLATE, gzip and zip: less room changes nothing but the end. */
#include "common/text/inflate.h"

#include "tests/fuzz/fuzz.h"

enum { ROOM = 1 << 16 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *in = (uint8_t *)fuzz_text(data, size);
	uint8_t *out = malloc(ROOM), *less = malloc(ROOM);
	size_t n, m, used;

	MUST(out != NULL && less != NULL);
	enum inflate_result result =
	    inflate_raw(in, size, out, ROOM, &n, &used);
	MUST(n <= ROOM && used <= size);
	MUST(result != INFLATE_LARGE || n == ROOM);
	uint8_t *exact = malloc(n / 2 + 1);
	MUST(exact != NULL);
	(void)inflate_raw(in, size, exact, n / 2, &m, NULL);
	MUST(m == n / 2 && memcmp(exact, out, m) == 0);
	free(exact);
	if (result == INFLATE_OK && used < size) {
		MUST(
		    inflate_raw(in, used, less, ROOM, &m, NULL) == INFLATE_OK &&
		    m == n && memcmp(less, out, n) == 0);
	}
	(void)inflate_gzip(in, size, out, ROOM, &n);
	MUST(n <= ROOM);
	for (size_t i = 0; i < 3; i++) {
		(void)inflate_zip(in, size, i, out, ROOM, &n);
		MUST(n <= ROOM);
	}
	free(less);
	free(out);
	free(in);
	return 0;
}
