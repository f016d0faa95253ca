/* SPDX-License-Identifier: ISC */
/*
 * The lines that say what was retrieved.  One that is misread would let mail
 * expire too early.
 */
#include "pop3d/mailbox/retrieved.h"

#include "tests/unit/tap.h"

#include <string.h>

#define TIME "001793361600"

static const struct {
	const char *name, *text, *uidl; /* "": no line is taken */
} cases[] = {
	{ "a line", "ab.1 " TIME "\n", "ab.1" },
	{ "nothing", "", "" },
	{ "no end", "ab " TIME, "" },
	{ "the next one is whole", "a 001\nb " TIME "\n", "b" },
	{ "a digit too few", "ab 01793361600\n", "" },
	{ "a digit too many", "ab 0001793361600\n", "" },
	{ "two blanks", "ab  " TIME "\n", "" },
	{ "no UIDL", " " TIME "\n", "" },
	{ "no time", "ab\n", "" },
	{ "time zero", "ab 000000000000\n", "" },
	{ "no number", "ab 00179336160x\n", "" },
	{ "CRLF", "ab " TIME "\r\n", "" },
	{ "no visible character", "a\x01 " TIME "\n", "" },
	{ "too long a UIDL",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aa"
	    "aaa " TIME "\n",
	    "" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char uidl[MAILBOX_UIDL + 1] = "";
		const char *text = cases[i].text;
		time_t when = 0;
		bool taken = retrieved_line(&text, uidl, &when);
		ok(taken == (cases[i].uidl[0] != '\0') &&
			(!taken || (strcmp(uidl, cases[i].uidl) == 0 &&
				       when == 1793361600)),
		    "%s", cases[i].name);
	}
	return tap_done();
}
