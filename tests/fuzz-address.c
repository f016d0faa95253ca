/* SPDX-License-Identifier: ISC */
/* Paths: what is taken stays within its bounds and reads the same again. */
#include "common/address.h"

#include "tests/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char again[ADDRESS_TEXT + 2], plain[ADDRESS_TEXT];
	struct address a, b;
	const char *rest;

	(void)address_is_domain(text);
	if (address_path(text, &a, &rest) == PATH_OK) {
		MUST(rest > text && rest <= text + strlen(text));
		MUST(*rest == '\0' || *rest == ' ' || *rest == '\t');
		size_t at = a.domain[0] != '\0';
		MUST(strlen(a.local) + at + strlen(a.domain) + 2 <=
		     ADDRESS_PATH);
		for (const char *p = a.local; *p != '\0'; p++) {
			MUST(*p >= 0x20 && *p < 0x7f);
		}
		MUST(a.domain[0] == '\0' || address_is_domain(a.domain));
		address_text(&a, plain, sizeof(plain));
		snprintf(again, sizeof(again), "<%s>", plain);
		MUST(
		    address_path(again, &b, &rest) == PATH_OK && *rest == '\0');
		MUST(memcmp(&a, &b, sizeof(a)) == 0);
	}
	free(text);
	return 0;
}
