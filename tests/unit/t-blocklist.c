/* SPDX-License-Identifier: ISC */
/* DNS lists: the name that is asked for, and the answers that count. */
#include "common/dns/blocklist.h"

#include "common/text/network.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

#define Z60 "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

static const struct {
	const char *address, *name;
} names[] = {
	{ "192.0.2.99", "99.2.0.192.bl.example" },
	{ "::ffff:192.0.2.99", "99.2.0.192.bl.example" },
	{ "127.0.0.2", "2.0.0.127.bl.example" },
	{ "2001:db8:1:2:3:4:567:89ab",
	    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
	    "bl.example" },
	{ "::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		 "0.0.0.bl.example" },
};

static const struct {
	const char *list;
	uint32_t answer;
	enum blocklist_answer means;
} answers[] = {
	{ "bl.example", 0x7f000002, BLOCKLIST_LISTED },
	{ "bl.example", 0x7f0000ff, BLOCKLIST_LISTED },
	{ "bl.example", 0x7f010203, BLOCKLIST_LISTED },
	{ "bl.example", 0x7f000001, BLOCKLIST_IGNORED },
	{ "bl.example", 0xc0000201, BLOCKLIST_IGNORED },
	{ "bl.example", 0x7ffffffe, BLOCKLIST_REFUSED },
	{ "bl.example", 0x7fffff00, BLOCKLIST_REFUSED },
	{ "bl.example", 0x7ffffe01, BLOCKLIST_LISTED },
	{ "bl.example=127.0.0.2", 0x7f000002, BLOCKLIST_LISTED },
	{ "bl.example=127.0.0.2", 0x7f000003, BLOCKLIST_IGNORED },
	{ "bl.example=127.0.0.2", 0x7ffffffe, BLOCKLIST_REFUSED },
	{ "bl.example=127.0.0.4-11", 0x7f000003, BLOCKLIST_IGNORED },
	{ "bl.example=127.0.0.4-11", 0x7f000004, BLOCKLIST_LISTED },
	{ "bl.example=127.0.0.4-11", 0x7f00000b, BLOCKLIST_LISTED },
	{ "bl.example=127.0.0.4-11", 0x7f00000c, BLOCKLIST_IGNORED },
	{ "bl.example=127.0.0.4-11,127.0.1.2", 0x7f000102, BLOCKLIST_LISTED },
	{ "bl.example=10.0.0.1", 0x0a000001, BLOCKLIST_LISTED },
};

static const char *const bad[] = { "", "=", "=127.0.0.2", "bl..example",
	"bl.example=", "bl.example=127.0.0", "bl.example=127.0.0.2,",
	"bl.example=,127.0.0.2", "bl.example=127.0.0.11-4",
	"bl.example=127.0.0.2-256", "bl.example=127.0.0.2-",
	"bl.example=127.0.0.2-+4", "bl.example=127.0.0.2 -4",
	"bl.example=127.0.0.2-127.0.0.4", "bl.example=2", "bl.example*3",
	"bl.example=1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
	"1.1.1.1,1.1.1.1",
	Z60 "." Z60 "." Z60 ".example" };

int
main(void)
{
	struct blocklist list;
	uint8_t address[16];
	char name[BLOCKLIST_NAME];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool parsed = blocklist_parse("bl.example", &list) &&
		              network_address(names[i].address, address);
		blocklist_name(&list, address, name);
		if (!ok(parsed && strcmp(name, names[i].name) == 0, "%s",
			names[i].address)) {
			note("%s", name);
		}
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		ok(blocklist_parse(answers[i].list, &list) &&
			blocklist_read(&list, answers[i].answer) ==
			    answers[i].means,
		    "%s says %08x", answers[i].list, answers[i].answer);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!blocklist_parse(bad[i], &list), "\"%.60s\" is no list",
		    bad[i]);
	}
	ok(blocklist_parse(Z60 "." Z60 ".example", &list) &&
		network_address("::1", address),
	    "a long zone");
	blocklist_name(&list, address, name);
	ok(strlen(name) == 64 + 60 + 1 + 60 + 8, "and the whole name of it");
	return tap_done();
}
