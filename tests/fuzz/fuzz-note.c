/* SPDX-License-Identifier: ISC */
/* Notes for reports: what is read is what was written; and where reports go. */
#include "smtpd/admin/reports_ask.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), line[REPORT_NOTE_LINE];
	struct report_note n, again;
	struct span rest = { text, size };
	char to[OUTBOX_ADDRESS];
	size_t count = 0;

	if (report_note_read(text, size, &n)) {
		ssize_t len = report_note_write(&n, line);
		MUST(len == (ssize_t)size + 1 && memcmp(line, text, size) == 0);
		MUST(report_note_read(line, size, &again));
		MUST(memcmp(&n, &again, sizeof(n)) == 0);
	}
	while (report_address(&rest, to)) {
		MUST(++count <= size && strlen(to) < OUTBOX_ADDRESS);
		MUST(strpbrk(to, " <>,\r\n\t\"") == NULL);
	}
	free(text);
	return 0;
}
