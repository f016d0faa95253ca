/* SPDX-License-Identifier: ISC */
/*
 * Lists of addresses: spans are in the text and in order, an address is one
 * line, and what we write of it is read as the same.
 */
#include "common/mime/mailboxes.h"
#include "common/mime/word.h"

#include "tests/fuzz/fuzz.h"

static void
write_again(const char *name, size_t len, const char *address)
{
	size_t size = WORD_ENCODED(len) + strlen(address) + 16, column = 4;
	char *text = malloc(size), *back = malloc(3 * size);
	struct mailboxes_entry e;

	MUST(text != NULL && back != NULL);
	ssize_t n =
	    mailboxes_write(name, len, address, &column, "\n", text, size);
	MUST(n > 0);
	struct mailboxes m = { .text = text, .end = text + n };
	MUST(mailboxes_next(&m, &e) == MAILBOXES_ONE);
	MUST(mailboxes_address(&e, back, 3 * size) >= 0);
	MUST(strcmp(back, address) == 0);
	MUST(mailboxes_next(&m, &e) == MAILBOXES_END);
	free(back);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *address = malloc(size + 3), *name = malloc(WORD_DECODED(size));
	struct mailboxes m = { .text = text, .end = text + size };
	struct mailboxes_entry e;
	const char *last = text;

	MUST(address != NULL && name != NULL);
	for (enum mailboxes_kind kind;
	     (kind = mailboxes_next(&m, &e)) != MAILBOXES_END;) {
		MUST(e.all.at >= last && m.text >= e.all.at + e.all.len);
		last = e.all.at;
		if (kind != MAILBOXES_ONE) {
			continue;
		}
		MUST(e.spec.at >= e.all.at && e.local.at == e.spec.at &&
		     e.spec.at + e.spec.len <= e.all.at + e.all.len);
		ssize_t n = mailboxes_address(&e, address, e.spec.len + 3);
		MUST(n > 0 && strpbrk(address, "\r\n") == NULL);
		n = mailboxes_name(
		    &e, name, WORD_DECODED(e.name.len + e.note.len));
		MUST(n >= 0);
		write_again(name, (size_t)n, address);
	}
	MUST(m.text == text + size);
	free(name);
	free(address);
	free(text);
	return 0;
}
