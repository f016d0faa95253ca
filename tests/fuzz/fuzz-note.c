/* SPDX-License-Identifier: ISC */
/* Notes for reports: what is read is what was written; and where reports go. */
#include "common/auth/tlsrpt.h"
#include "smtpd/admin/reports_ask.h"
#include "smtpd/agent/tls_note.h"

#include "tests/fuzz/fuzz.h"

/* The octets as a record that asks for reports on TLS. */
static void
read_record(const char *text, size_t size)
{
	struct span whole = { text, size }, rua;
	struct tlsrpt_uri uri;
	size_t count = 0;

	if (!tlsrpt_record_read(whole, &rua)) {
		rua = whole;
	}
	while (tlsrpt_uri_next(&rua, &uri)) {
		MUST(++count <= size && strlen(uri.text) < TLSRPT_URI);
		MUST(strpbrk(uri.text, " <>,\r\n\t\"") == NULL);
		MUST(!uri.web || (uri.port > 0 && uri.port < 65536 &&
				     uri.path <= strlen(uri.text)));
	}
}

static void
read_tls(const char *text, size_t size)
{
	char line[TLS_NOTE_LINE];
	struct tls_note n, again;

	if (tls_note_read(text, size, &n)) {
		ssize_t len = tls_note_write(&n, line);
		MUST(len == (ssize_t)size + 1 && memcmp(line, text, size) == 0);
		MUST(tls_note_read(line, size, &again));
		MUST(memcmp(&n, &again, sizeof(n)) == 0);
	}
	/* As another process may send it. */
	if (size >= sizeof(n)) {
		memcpy(&n, text, sizeof(n));
		MUST(!tls_note_valid(&n) ||
		     tls_note_write(&n, line) < (ssize_t)sizeof(line));
	}
}

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
	read_tls(text, size);
	read_record(text, size);
	while (report_address(&rest, to)) {
		MUST(++count <= size && strlen(to) < OUTBOX_ADDRESS);
		MUST(strpbrk(to, " <>,\r\n\t\"") == NULL);
	}
	free(text);
	return 0;
}
