/* SPDX-License-Identifier: ISC */
/*
 * DATA, cut where the first octets of the input say, with an output buffer of
 * the size they say: the same as the reference has it.
 */
#include "common/text/dotstuff.h"

#include "tests/fuzz/fuzz.h"
#include "tests/unit/t-dotstuff.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2) {
		return 0;
	}
	size_t cut = data[0] + 1u, room = data[1] + 2u, at = 0, len = 0;
	char *in = fuzz_text(data + 2, size - 2);
	char *want = malloc(size), *got = malloc(size);
	struct dotstuff d = { .bare = false };

	MUST(want != NULL && got != NULL);
	size -= 2;
	struct reference r = reference_decode(in, size, want);
	while (at < size && d.state != DOTSTUFF_END) {
		char small[257];
		size_t piece = cut < size - at ? cut : size - at, n;
		size_t taken =
		    dotstuff_decode(&d, in + at, piece, small, room, &n);
		MUST(n <= room && taken <= piece && (taken > 0 || n > 0));
		MUST(n <= size - len);
		memcpy(got + len, small, n);
		len += n;
		at += taken;
	}
	MUST(reference_same(&r, want, &d, at, got, len));
	free(in);
	free(want);
	free(got);
	return 0;
}
