/* SPDX-License-Identifier: ISC */
/* The catalogue of POP3's refusals: every row is well formed, and short. */
#include "pop3d/session/reply.h"

#include "spool/foreign.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <string.h>

enum { LINE = 510 }; /* RFC 2449 section 4, without CR LF */

static void
test_row(enum pop3_reply reply)
{
	const struct reply_row *row = reply_error_row(reply);
	char text[LINE + 1], name[32];
	bool good =
	    row->text != NULL && row->text[0] != '\0' && row->text[0] != '[';

	if (!ok(good, "%d: a text", (int)reply)) {
		return;
	}
	for (const char *p = row->text; *p != '\0'; p++) {
		good = good && *p >= ' ' && *p <= '~' &&
		       (*p != '%' || p[1] == 's');
	}
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	reply_text_fill(row->text, REPLY_ARGS(name, name), text, sizeof(text));
	ok(good && strlen(text) + 30 < LINE && strchr(text, '%') == NULL,
	    "%s: printable, two arguments at most", row->text);
}

static void
test_responses(void)
{
	static const struct {
		int error;
		const char *code;
	} cases[] = {
		{ EWOULDBLOCK, "[IN-USE] " },
		{ EACCES, "[SYS/PERM] " },
		{ FOREIGN_FILE, "[SYS/PERM] " },
		{ ENOSPC, "[SYS/TEMP] " },
		{ EIO, "[SYS/TEMP] " },
		{ 0, "[SYS/TEMP] " },
	};

	for (int i = RESPONSE_AUTH; i <= RESPONSE_SYS_PERM; i++) {
		const char *text = reply_response((enum response_code)i);
		ok(text[0] == '[' && strcmp(text + strlen(text) - 2, "] ") == 0,
		    "response %s", text);
	}
	ok(reply_response(RESPONSE_NONE)[0] == '\0', "no response code");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(strcmp(reply_response(reply_response_to(cases[i].error)),
		       cases[i].code) == 0,
		    "errno %d", cases[i].error);
	}
}

int
main(void)
{
	for (int i = 0; i < REPLIES; i++) {
		test_row((enum pop3_reply)i);
	}
	test_responses();
	return tap_done();
}
