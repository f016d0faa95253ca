/* SPDX-License-Identifier: ISC */
/* The access file, and questions that its own words make. */
#include "common/login/access_load.h"
#include "common/text/network.h"
#include "tests/fuzz/fuzz-file.h"

#include <stdlib.h>
#include <string.h>

static void
check_found(const struct access *a, struct access_found f)
{
	MUST(f.rule <= access_count(a));
	MUST((f.rule == 0) == (f.verdict == ACCESS_NOTHING));
	MUST(f.verdict == ACCESS_NOTHING || f.kind < ACCESS_KINDS);
	MUST(strlen(f.text) <= ACCESS_TEXT);
	for (const char *p = f.text; *p != '\0'; p++) {
		MUST(*p >= ' ' && *p <= '~');
	}
}

/* Asks about a word of the file, whatever it may be. */
static void
ask(const struct access *a, const char *word)
{
	struct access_about about = { .helo = word, .delimiters = "+-" };
	struct address address;
	uint8_t ip[16];
	const char *rest;

	if (network_address(word, ip)) {
		about.client = ip;
	}
	if (address_path(word, &address, &rest) == PATH_OK) {
		about.from = about.to = about.author = &address;
	}
	check_found(a, access_find(a, &about, ACCESS_LAST));
	check_found(a, access_find(a, &about, 2));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct access_faults faults;
	char error[CONFIG_ERROR];
	bool again;

	strlcpy(config.access, fuzz_file(data, size), sizeof(config.access));
	struct access *a = access_load(&config, &faults, &again, error);
	if (a == NULL) {
		return 0;
	}
	MUST((faults.count == 0) == (faults.what == NULL));
	char *text = malloc(size + 1);
	MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	char *rest = text, *word;
	for (int n = 0; n < 200 && (word = strsep(&rest, " \t\r\n")) != NULL;
	     n++) {
		ask(a, word);
	}
	free(text);
	access_free(a);
	return 0;
}
