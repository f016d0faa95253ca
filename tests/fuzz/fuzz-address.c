/* SPDX-License-Identifier: ISC */
/* Paths: what is taken stays within its bounds and reads the same again. */
#include "common/text/address.h"

#include "tests/fuzz/fuzz.h"

static void
read_path(const char *text,
    enum path (*read)(const char *, struct address *, const char **))
{
	char again[ADDRESS_TEXT + 2], plain[ADDRESS_TEXT];
	struct address a, b;
	const char *rest;

	if (read(text, &a, &rest) != PATH_OK) {
		return;
	}
	MUST(rest > text && rest <= text + strlen(text));
	MUST(*rest == '\0' || *rest == ' ' || *rest == '\t');
	size_t at = a.domain[0] != '\0';
	MUST(strlen(a.local) + at + strlen(a.domain) + 2 <= ADDRESS_PATH);
	for (const char *p = a.local; *p != '\0'; p++) {
		bool beyond = (*p & 0x80) != 0;
		MUST(*p != 0x7f &&
		     (beyond ? read == address_path_utf8 : *p >= 0x20));
	}
	MUST(at == 0 || address_is_domain(a.domain));
	address_text(&a, plain, sizeof(plain));
	snprintf(again, sizeof(again), "<%s>", plain);
	MUST(read(again, &b, &rest) == PATH_OK && *rest == '\0');
	MUST(memcmp(&a, &b, sizeof(a)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	(void)address_is_domain(text);
	read_path(text, address_path);
	read_path(text, address_path_utf8);
	free(text);
	return 0;
}
