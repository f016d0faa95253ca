/* SPDX-License-Identifier: ISC */
/*
 * The catalogue of SMTP replies: every row is well formed, what it counts as
 * agrees with its code, and no text can be longer than a line.
 */
#include "smtpd/session/reply.h"

#include "tests/unit/tap.h"

#include <string.h>

enum { LINE = 510 };

/* True if a class of codes (RFC 5321 section 4.2.1) has that digit. */
static bool
is_code(unsigned code)
{
	return code >= 200 && code < 560 && code / 100 != 1 &&
	       code / 10 % 10 <= 5;
}

/* RFC 2034 section 4: the class of both codes is the same. */
static bool
is_enhanced(const struct reply_row *row)
{
	const char *e = row->enhanced;
	size_t n = e == NULL ? 0 : strspn(e, "0123456789.");

	return e == NULL
	           ? row->code == 220 || row->code == 250 || row->code == 354
	           : n == strlen(e) && n >= 5 && e[1] == '.' &&
	                 (unsigned)(e[0] - '0') == row->code / 100;
}

/* What a text is filled in with; 0 if it holds anything but %s. */
static bool
is_text(const char *text, size_t *args)
{
	*args = 0;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~' || (*p == '%' && p[1] != 's')) {
			return false;
		}
		*args += *p == '%';
	}
	return *text != '\0' && text[strlen(text) - 1] != '.';
}

static bool
counts_right(const struct reply_row *row)
{
	bool refusal = row->code >= 400;
	bool syntax = row->code / 10 == 50;
	bool malformed =
	    row->code == 500 || row->code == 501 || row->code == 503;

	return (refusal || (!row->error && row->offence == OFFENCES &&
			       row->stats == STATS_NONE)) &&
	       syntax == (row->stats == STATS_REJECTED_SYNTAX) &&
	       malformed == (row->offence == OFFENCE_SYNTAX) &&
	       row->offence != OFFENCE_LOGIN && row->offence <= OFFENCES &&
	       (row->offence == OFFENCES || row->error) &&
	       (row->offence == OFFENCES || row->code >= 500) &&
	       (row->words == NULL || refusal);
}

static void
test_row(enum smtp_reply reply)
{
	const struct reply_row *row = reply_row(reply);
	char codes[REPLY_CODES], text[REPLY_TEXT];
	size_t args = 0, unused;
	char name[65];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	if (!ok(row->text != NULL && is_text(row->text, &args) &&
		    args <= REPLY_MOST_ARGS,
		"%u: a text", reply)) {
		return;
	}
	ok(is_code(row->code) && is_enhanced(row), "%s: codes %u %s", row->text,
	    row->code, row->enhanced);
	ok(counts_right(row), "%s: counts as its code says", row->text);
	ok(row->words == NULL || (is_text(row->words, &unused) && unused == 0),
	    "%s: words for the log", row->text);
	reply_text(reply, REPLY_ARGS(name, name, name, name), false, text);
	ok(strlen(reply_codes(reply, codes)) + strlen(text) <= LINE &&
		strstr(text, "%s") == NULL,
	    "%s: fits into a line", row->text);
}

static void
test_text(void)
{
	char text[REPLY_TEXT], codes[REPLY_CODES];
	char large[2 * REPLY_TEXT];

	reply_text(REPLY_VRFY_NAME, REPLY_ARGS("a", "b.c"), false, text);
	ok(strcmp(text, "<a@b.c>") == 0, "two arguments: %s", text);
	reply_text(REPLY_VRFY_NAME, REPLY_ARGS("a"), false, text);
	ok(strcmp(text, "<a@>") == 0, "one that is not there: %s", text);
	reply_text(REPLY_VRFY_NAME, NULL, false, text);
	ok(strcmp(text, "<@>") == 0, "none: %s", text);
	reply_text(REPLY_VRFY_NAME, REPLY_ARGS("%s", "%n"), false, text);
	ok(strcmp(text, "<%s@%n>") == 0, "arguments are no formats: %s", text);
	reply_text(REPLY_RELAYING, NULL, true, text);
	ok(strcmp(text, "Relay access denied") == 0, "the log's: %s", text);
	reply_text(REPLY_NUL, NULL, true, text);
	ok(strcmp(text, reply_row(REPLY_NUL)->text) == 0, "the same: %s", text);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	reply_text(REPLY_VRFY_NAME, REPLY_ARGS(large, large), false, text);
	ok(strlen(text) == REPLY_TEXT - 1, "too long: cut");
	ok(strcmp(reply_codes(REPLY_START_DATA, codes), "354 ") == 0 &&
		strcmp(reply_codes(REPLY_NO_USER, codes), "550 5.1.1 ") == 0,
	    "codes");
}

int
main(void)
{
	for (int i = REPLY_NONE + 1; i < REPLIES; i++) {
		test_row((enum smtp_reply)i);
	}
	test_text();
	return tap_done();
}
