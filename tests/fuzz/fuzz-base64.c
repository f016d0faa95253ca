/* SPDX-License-Identifier: ISC */
/* Base64: each text stands for one value, and each value has one text. */
#include "common/text/base64.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *plain = malloc(size + 1), *text = malloc(BASE64_SIZE(size));

	MUST(plain != NULL && text != NULL);
	ssize_t n = base64_decode((const char *)data, size, plain, size);
	if (n >= 0) {
		MUST(base64_encode(plain, (size_t)n, text, BASE64_SIZE(size)) ==
		     (ssize_t)size);
		MUST(memcmp(text, data, size) == 0);
	}
	n = base64_encode(data, size, text, BASE64_SIZE(size));
	MUST(n >= 0 && strlen(text) == (size_t)n);
	MUST(base64_decode(text, (size_t)n, plain, size) == (ssize_t)size);
	MUST(memcmp(plain, data, size) == 0);
	free(plain);
	free(text);
	return 0;
}
