/* SPDX-License-Identifier: ISC */
/*
 * A conversation of chunks, read in pieces of the size that the first octet
 * says: what is taken is what was counted, and commands begin after it.
 */
#include "smtpd/session/chunk.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>

/* The same count by the library; false: none, or beyond 64 bits. */
static bool
count(const char *text, uint64_t *size)
{
	const char *p = text + strspn(text, " \t");
	size_t digits = strspn(p, "0123456789");

	errno = 0;
	*size = strtoull(p, NULL, 10);
	return digits > 0 && digits <= 20 && errno == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) {
		return 0;
	}
	size_t most = data[0] + 1u;
	char *text = fuzz_text(data + 1, size - 1);
	char *at = text, *end = text + size - 1;

	while (at < end) {
		struct chunk c;
		uint64_t want;
		size_t line = strcspn(at, "\n");
		bool whole = at[line] == '\n';
		at[line] = '\0';
		bool countable = count(at, &want);
		if (!chunk_parse(at, &c)) {
			break;
		}
		MUST(countable && c.size == want);
		at += line + whole;
		char *data_at = at;
		while (c.size > 0 && at < end) {
			size_t here = (size_t)(end - at);
			size_t n = chunk_take(&c, here < most ? here : most);
			MUST(n > 0 && n <= here);
			at += n;
		}
		MUST((uint64_t)(at - data_at) + c.size == want);
	}
	free(text);
	return 0;
}
