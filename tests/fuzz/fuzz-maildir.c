/* SPDX-License-Identifier: ISC */
/*
 * Names in a Maildir, one in a line: they have one order, and their flags
 * become whole header fields.
 */
#include "spool/maildir.h"

#include "spool/mbox.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 8 };

static void
check_fields(const struct maildir_name *n)
{
	char fields[MAILDIR_FIELDS];

	for (int old = 0; old < 2; old++) {
		memset(fields, 'x', sizeof(fields));
		maildir_fields(n, old == 1, fields);
		struct mbox_window w = {
			.data = fields, .len = strlen(fields), .begins = true
		};
		struct mbox_decoder decoder = { .body = false };
		struct mbox_line line;
		size_t lines = 0;
		while (mbox_next_line(&w, &line)) {
			MUST(!mbox_decode(&decoder, &line));
			lines++;
		}
		MUST(w.done == w.len && (lines == 1 || lines == 2));
	}
}

/* Sign of a number. */
static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

static void
check_order(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		MUST(maildir_compare(names[i], names[i]) == 0);
		for (size_t k = 0; k < n; k++) {
			int c = sign(maildir_compare(names[i], names[k]));
			MUST(c == -sign(maildir_compare(names[k], names[i])));
			for (size_t j = 0; j < n; j++) {
				int d =
				    sign(maildir_compare(names[k], names[j]));
				MUST(c != d || c == 0 ||
				     sign(maildir_compare(
					 names[i], names[j])) == c);
			}
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text, *word;
	char *names[MOST];
	size_t n = 0;

	while (n < MOST && (word = strsep(&rest, "\n")) != NULL) {
		struct maildir_name name;
		if (maildir_name(word, &name)) {
			MUST(name.base > 0 && name.base <= strlen(word));
			check_fields(&name);
		}
		names[n++] = word;
	}
	check_order(names, n);
	free(text);
	return 0;
}
