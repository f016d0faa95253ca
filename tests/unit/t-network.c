/* SPDX-License-Identifier: ISC */
/* Networks: what is exempt is what was written, to the bit. */
#include "common/text/network.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *network, *address;
	bool in;
} cases[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.0", false },
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.128/25", "192.0.2.128", true },
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.4/31", "192.0.2.5", true },
	{ "192.0.2.4/31", "192.0.2.6", false },
	{ "192.0.2.4/32", "192.0.2.5", false },
	{ "0.0.0.0/0", "255.1.2.3", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "192.0.2.1", true },
	{ "172.16.0.0/12", "172.31.255.255", true },
	{ "172.16.0.0/12", "172.32.0.0", false },
	{ "2001:db8::/32", "2001:db8:ffff::1", true },
	{ "2001:db8::/32", "2001:db9::1", false },
	{ "2001:db8::/127", "2001:db8::1", true },
	{ "2001:db8::/127", "2001:db8::2", false },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8::1", "2001:db8::2", false },
	{ "fc00::/7", "fdff::1", true },
	{ "fc00::/7", "fe00::1", false },
	{ "::1", "127.0.0.1", false },
};

static const char *const bad[] = { "", "/", "/24", "192.0.2", "192.0.2.1/",
	"192.0.2.0/33", "192.0.2.1/24", "192.0.2.128/24", "192.0.2.0/-1",
	"192.0.2.0/+24", "192.0.2.0/ 24", "192.0.2.0/24/24", "192.0.2.0/024x",
	"192.0.2.256", "192.0.2.0 ", "::g", "2001:db8::/129", "2001:db8::1/64",
	"2001:db8::/4294967296", "[::1]", "local", "example.org",
	"1111:2222:3333:4444:5555:6666:7777:8888:9999",
	"00001111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb" };

int
main(void)
{
	struct network n;
	uint8_t address[16];
	char name[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(name, sizeof(name), "%s is %sin %s", cases[i].address,
		    cases[i].in ? "" : "not ", cases[i].network);
		ok(network_parse(cases[i].network, &n) &&
			network_address(cases[i].address, address) &&
			network_has(&n, address) == cases[i].in,
		    "%s", name);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!network_parse(bad[i], &n), "\"%s\" is no network", bad[i]);
	}
	ok(!network_address("192.0.2.0/24", address), "nor an address");
	ok(!network_address("local", address), "nor this");
	ok(network_parse("::/0", &n) && network_address("::2", address) &&
		!network_is_none(address) && network_listed(&n, 1, address),
	    "all are in ::/0");
	memset(address, 0, sizeof(address));
	ok(network_is_none(address) && !network_listed(&n, 1, address),
	    "but who has no address");
	return tap_done();
}
