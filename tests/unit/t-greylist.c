/* SPDX-License-Identifier: ISC */
/* Greylisting: when a mail is welcome, and which networks are one client. */
#include "smtpd/worker/greylist.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

enum { NOW = 1800000000, DELAY = 300 };

/* A visit at that time; whether it is welcome. */
static bool
visit(struct table_entry *e, uint32_t now, bool *first)
{
	bool welcome = greylist_judge(e, now, DELAY, first);

	e->found = e->record.expires > now;
	return welcome;
}

static bool
same_client(const char *a, const char *b)
{
	uint8_t address[16], one[16], two[16];

	if (!network_address(a, address)) {
		return false;
	}
	greylist_network(address, one);
	if (!network_address(b, address)) {
		return false;
	}
	greylist_network(address, two);
	return memcmp(one, two, sizeof(one)) == 0;
}

/* However many senders a client invents, it fills its own sets alone. */
static void
test_flood(void)
{
	enum { SENDERS = 20000 };
	static uint8_t sets[TABLE_SETS];
	const uint64_t seed[2] = { 17, 4 };
	const uint8_t network[16] = { 1 }, other[16] = { 2 };
	struct greylist_mail g = { .rcpt = "bob@example.org" };
	struct table_key last = { .half = { 0 } };
	size_t used = 0, same = 0;

	for (unsigned i = 0; i < SENDERS; i++) {
		snprintf(g.sender, sizeof(g.sender), "%u@example.com", i);
		struct table_key key = greylist_mail_key(seed, network, &g);
		uint8_t *set = &sets[key.half[0] % TABLE_SETS];
		used += *set == 0;
		*set = 1;
		same += memcmp(&key, &last, sizeof(key)) == 0;
		last = key;
	}
	ok(used == GREYLIST_SETS && same == 0,
	    "%zu sets are for one client, and each mail has a key", used);
	struct table_key key = greylist_mail_key(seed, other, &g);
	ok(sets[key.half[0] % TABLE_SETS] == 0, "another client has others");
	strlcpy(g.sender, "A@Example.COM", sizeof(g.sender));
	key = greylist_mail_key(seed, other, &g);
	strlcpy(g.sender, "a@example.com", sizeof(g.sender));
	last = greylist_mail_key(seed, other, &g);
	ok(memcmp(&key, &last, sizeof(key)) == 0, "case does not matter");
}

int
main(void)
{
	struct table_entry e = { .found = false };
	bool first;

	ok(!visit(&e, NOW, &first) && !first, "the first time: not yet");
	ok(!visit(&e, NOW + DELAY - 1, &first), "too early: not yet");
	ok(e.record.expires == NOW + DELAY + GREYLIST_WINDOW,
	    "and that makes the time to come back in no longer");
	ok(visit(&e, NOW + DELAY, &first) && first, "in time: welcome");
	ok(visit(&e, NOW + DELAY + 1, &first) && !first, "and from now on");
	ok(visit(&e, NOW + DELAY + GREYLIST_MEMORY, &first) && !first,
	    "a month later, too");
	e = (struct table_entry){ .found = false };
	ok(!visit(&e, NOW, &first) &&
		e.record.expires == NOW + DELAY + GREYLIST_WINDOW,
	    "a new one is forgotten after two days and the wait");
	ok(!visit(&e, NOW - 1000, &first) && e.record.values[0] == NOW - 1000 &&
		visit(&e, NOW - 1000 + DELAY, &first),
	    "a clock that was set back starts the wait again");
	ok(same_client("192.0.2.1", "192.0.2.254") &&
		!same_client("192.0.2.1", "192.0.3.1") &&
		same_client("2001:db8::1", "2001:db8::ffff:1:2:3") &&
		!same_client("2001:db8::1", "2001:db8:0:1::1"),
	    "a /24 or a /64 is one client");
	test_flood();
	return tap_done();
}
