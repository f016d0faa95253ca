/* SPDX-License-Identifier: ISC */
/*
 * Who has written a message: whatever a header section holds, the domains are
 * names that can be asked for, each once; and another From on top of it never
 * leaves one author.
 */
#include "smtpd/auth/author.h"

#include "tests/fuzz/fuzz.h"

static void
look(const struct author *a)
{
	char name[ASK_NAME];

	MUST(a->count <= AUTHOR_MOST && a->named <= a->count);
	MUST(!author_is_named(a) || (a->fields == 1 && a->count > 0));
	for (size_t i = 0; i < a->count; i++) {
		MUST(ask_name(a->domain[i], strlen(a->domain[i]), name));
		MUST(strcmp(a->domain[i], name) == 0);
		for (size_t k = 0; k < i; k++) {
			MUST(strcmp(a->domain[k], name) != 0);
		}
	}
	MUST(a->list[0] == '\0' || ask_name(a->list, strlen(a->list), name));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char from[] = "From: x@above.example\n";
	char *text = malloc(sizeof(from) + size);
	struct author a, more;

	MUST(text != NULL);
	memcpy(text, from, sizeof(from) - 1);
	if (size > 0) {
		memcpy(text + sizeof(from) - 1, data, size);
	}
	author_read(text, sizeof(from) - 1 + size, &more);
	author_read(text + sizeof(from) - 1, size, &a);
	look(&a);
	look(&more);
	/* Unless the text begins with a blank, and goes on with that field. */
	if (size > 0 && data[0] > ' ') {
		MUST(more.fields == a.fields + 1);
		MUST(a.fields == 0 || !author_is_named(&more));
	}
	free(text);
	return 0;
}
