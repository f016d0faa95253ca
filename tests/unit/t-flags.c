/* SPDX-License-Identifier: ISC */
/* Where the mark of a message that was read goes: never over anything else. */
#include "spool/flags.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *header, *marked;
} cases[] = {
	{ "Status:   \n\nx", "Status: RO\n\nx" },
	{ "A: b\nStatus:   \nC: d\n\n", "A: b\nStatus: RO\nC: d\n\n" },
	{ "status:   \r\n\r\n", "status: RO\r\n\r\n" },
	{ "Status: O\n\n", "Status: R\n\n" },
	{ "Status: O \n\n", "Status: RO\n\n" },
	{ "Status: NO\n\n", "Status: RO\n\n" },
	{ "Status:O\n\n", "Status:R\n\n" },
	{ "Status: N\n\n", "Status: R\n\n" },
	{ "Status:      \n\n", "Status: RO   \n\n" },
	{ "Status: RO\n\n", NULL },
	{ "Status: R\n\n", NULL },
	{ "Status: OR\n\n", NULL },
	{ "Status: OD\n\n", NULL },
	{ "Status: something else\n\n", NULL },
	{ "Status:\n\n", NULL },
	{ "Status: \n\n", NULL },
	{ "Status\n\n", NULL },
	{ "X-Status:   \n\n", NULL },
	{ " Status:   \n\n", NULL },
	{ "A: b\n\nStatus:   \n", NULL },
	{ "A: b\n", NULL },
	{ "", NULL },
	{ "Status: RO\nStatus:   \n\n", NULL },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		const char *expected =
		    cases[i].marked != NULL ? cases[i].marked : cases[i].header;
		size_t octets;
		snprintf(text, sizeof(text), "%s", cases[i].header);
		size_t at = flags_room(text, strlen(text), &octets);
		memcpy(text + at, "RO", octets);
		ok(strcmp(text, expected) == 0 &&
			(octets > 0) == (cases[i].marked != NULL),
		    "case %zu", i);
	}
	return tap_done();
}
