/* SPDX-License-Identifier: ISC */
/* The line of a last login: what is written is read, and nothing else is. */
#include "common/login/last_login.h"

#include "tests/unit/tap.h"

#include <string.h>

/* Padded to a line, unless it is longer. */
static bool
parses(const char *text)
{
	char line[LAST_LOGIN_LINE];
	struct last_login l;
	size_t n = strlen(text);

	memset(line, ' ', sizeof(line));
	memcpy(line, text, n < sizeof(line) ? n : sizeof(line));
	line[sizeof(line) - 1] = '\n';
	return last_login_parse(line, &l);
}

int
main(void)
{
	struct last_login l = { 1793361600, "pop3s", "2001:db8::1" }, back;
	char line[LAST_LOGIN_LINE];

	last_login_format(&l, line);
	ok(memchr(line, '\0', sizeof(line)) == NULL &&
		line[sizeof(line) - 1] == '\n',
	    "a line without NUL");
	ok(last_login_parse(line, &back) && back.when == l.when &&
		strcmp(back.protocol, "pop3s") == 0 &&
		strcmp(back.address, "2001:db8::1") == 0,
	    "it is read as it was written");
	memset(l.address, 'a', sizeof(l.address) - 1);
	last_login_format(&l, line);
	ok(last_login_parse(line, &back) &&
		strcmp(back.address, l.address) == 0,
	    "the longest address");
	line[sizeof(line) - 1] = ' ';
	ok(!last_login_parse(line, &back), "no line end");
	ok(parses("001793361600 pop3 local"), "a good one");
	ok(!parses(""), "nothing");
	ok(!parses("1793361600 pop3 local"), "too few digits");
	ok(!parses("0001793361600 pop3 local"), "too many digits");
	ok(!parses("001793361600  pop3 local"), "two blanks");
	ok(!parses("001793361600 pop3"), "no address");
	ok(!parses("001793361600 protocol local"), "a long protocol");
	ok(!parses("001793361600 pop3 local x"), "a fourth word");
	ok(!parses("001793361600 pop3 \x1b[2J"), "what a terminal obeys");
	memset(line, 0, sizeof(line));
	ok(!last_login_parse(line, &back), "a block that was never written");
	return tap_done();
}
