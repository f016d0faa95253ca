/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_FUZZ_FUZZ_H
#define RESTANTE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Fuzz targets.  Built with tests/fuzz/fuzz.c each replays files; for a
 * campaign, tests/fuzz/campaign builds it by clang -fsanitize=fuzzer.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, in each build. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			    #condition);                                       \
			abort();                                               \
		}                                                              \
	} while (0)

/* A copy with NUL after it, of just its size; the caller's to free. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text != NULL);
	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	return text;
}

#endif
