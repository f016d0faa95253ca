/* SPDX-License-Identifier: ISC */
/*
 * Notes for reports of DMARC, and the addresses that reports go to.  Guards
 * against a line, or an address, that brings octets of others into a report.
 */
#include "smtpd/admin/reports_ask.h"
#include "smtpd/auth/report_note.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static void
test_notes(void)
{
	static const struct report_note note = {
		.policy = "example.org",
		.author = "_a-b.example.org",
		.address = "2001:db8::1",
		.done = "none",
		.dkim = true,
		.sender = "",
		.helo = true,
		.sender_result = "none",
		.signatures = 2,
		.signature = { { "a.example", "s", "pass" },
		    { "b.example", "t.u", "fail" } },
	};
	static const char text[] =
	    "example.org _a-b.example.org 2001:db8::1 none - pass fail helo - "
	    "none a.example s pass b.example t.u fail\n";
	struct report_note read, bad = note;
	char line[REPORT_NOTE_LINE];

	ssize_t n = report_note_write(&note, line);
	ok(n == sizeof(text) - 1 && memcmp(line, text, (size_t)n) == 0,
	    "a line");
	ok(report_note_read(line, (size_t)n - 1, &read) &&
		memcmp(&read, &note, sizeof(note)) == 0,
	    "the same again");
	size_t good = 0;
	for (size_t len = 0; len < (size_t)n - 1; len++) {
		good += report_note_read(text, len, &read);
	}
	/* The end of a word of a result may be missing, and what follows. */
	ok(good == 4 + 4 + 3, "cut anywhere: %zu", good);
	ok(!report_note_read(line, (size_t)n, &read), "with its end");
	static const char *const wrong[] = { "a b", "a<b", "a\nb", "a&b",
		"\xc3\xa4" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		strlcpy(bad.author, wrong[i], sizeof(bad.author));
		ok(report_note_write(&bad, line) == -1, "\"%s\"", wrong[i]);
	}
}

static void
test_addresses(void)
{
	static const struct {
		const char *rua, *to; /* all of them, with blanks */
	} cases[] = {
		{ "mailto:a@b.example", "a@b.example" },
		{ " MAILTO:a@b.example!10m , mailto:c@d.example ",
		    "a@b.example c@d.example" },
		{ "https://b.example/x,mailto:a@b.example", "a@b.example" },
		{ "mailto:a.b+c=d_e-f@b.example", "a.b+c=d_e-f@b.example" },
		{ "mailto:a@b.example?subject=x", "" },
		{ "mailto:a%40b@c.example", "" },
		{ "mailto:\"a b\"@c.example", "" },
		{ "mailto:a@b@c.example", "" },
		{ "mailto:-f@", "" },
		{ "mailto:@b.example", "" },
		{ "mailto:", "" },
		{ "a@b.example", "" },
		{ "mailto:a@[192.0.2.1]", "" },
		{ ",,", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span rest = { cases[i].rua, strlen(cases[i].rua) };
		char to[OUTBOX_ADDRESS], all[256] = "";
		while (report_address(&rest, to)) {
			strlcat(all, all[0] != '\0' ? " " : "", sizeof(all));
			strlcat(all, to, sizeof(all));
		}
		ok(strcmp(all, cases[i].to) == 0, "rua=%s: %s", cases[i].rua,
		    all);
	}
}

int
main(void)
{
	test_notes();
	test_addresses();
	return tap_done();
}
