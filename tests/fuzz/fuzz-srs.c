/* SPDX-License-Identifier: ISC */
/* Rewritten senders: what was rewritten leads back, and nothing else does. */
#include "common/auth/srs.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct srs_keys keys = { 1, { { 1 } } };
	char *text = fuzz_text(data, size);
	char there[512], back[1024];

	MUST(srs_reverse(text, &keys, 1796100000, back, sizeof(back)) !=
	     SRS_GOOD);
	if (srs_forward(text, "our.example", &keys, 1796100000, there,
		sizeof(there)) == 0) {
		MUST(srs_reverse(there, &keys, 1796100000, back,
			 sizeof(back)) == SRS_GOOD);
	}
	free(text);
	return 0;
}
