/* SPDX-License-Identifier: ISC */
/*
 * The rules of the requests: a session that was taken over may ask only for
 * what its turn allows.
 */
#include "common/job/job.h"
#include "tests/unit/tap.h"

static bool
may(enum request_kind kind, struct asker asker)
{
	return request_allowed(kind, &asker);
}

static void
test_table(void)
{
	for (uint32_t i = 0; i < REQUESTS; i++) {
		const struct request_rule *r = &request_rules[i];
		ok(r->name != NULL && r->answer <= CHANNEL_DATA,
		    "request %u has a name, and an answer that fits", i);
		ok(r->answered != ANSWERED_BY_STATUS || r->answer == 0,
		    "request %u: an exit status carries no data", i);
		ok(r->answered == ANSWERED_INLINE || r->look != NULL,
		    "request %u: the log knows where to look", i);
		ok(r->answered == ANSWERED_INLINE || r->limit > 0 ||
			i == REQUEST_MAILBOX,
		    "request %u: its worker has a deadline", i);
	}
	ok(request_rules[REQUEST_DELIVER].given == GIVEN_BODY &&
		request_rules[REQUEST_ENQUEUE].given == GIVEN_BODY &&
		request_rules[REQUEST_VERIFY].given == GIVEN_BODY &&
		request_rules[REQUEST_FILTER].given == GIVEN_BODY,
	    "a message comes with its body");
	ok(request_rules[REQUEST_MAILBOX].given == GIVEN_CLIENT,
	    "the mailbox process gets the client");
}

static void
test_turn(void)
{
	const struct asker nobody = { .proxied = false };
	const struct asker proxied = { .proxied = true };
	const struct asker user = { .logged_in = true };
	const struct asker tls = { .tls = true };

	ok(may(REQUEST_PEER, proxied), "a proxy's session says who it is");
	ok(!may(REQUEST_PEER, nobody), "no other session does, nor twice");
	for (uint32_t i = 0; i < REQUESTS; i++) {
		ok(i == REQUEST_PEER || !may((enum request_kind)i, proxied),
		    "before that, no request %u", i);
	}
	ok(may(REQUEST_LOGIN, nobody) && may(REQUEST_SALT, nobody) &&
		may(REQUEST_PROOF, nobody) && may(REQUEST_NAME, nobody),
	    "logins are checked");
	ok(!may(REQUEST_LOGIN, user) && !may(REQUEST_SALT, user) &&
		!may(REQUEST_PROOF, user) && !may(REQUEST_NAME, user),
	    "but not when somebody has logged in");
	const struct asker local = { .role = ROLE_LOCAL };
	const struct asker mx = { .role = ROLE_MX, .logged_in = true };
	const struct asker sender = { .role = ROLE_SUBMISSION,
		.logged_in = true };
	const struct asker webmail = { .role = ROLE_PASSWD };
	const struct asker owner = { .role = ROLE_PASSWD, .logged_in = true };
	ok(may(REQUEST_PASSWD, local) && may(REQUEST_PASSWD, owner),
	    "passwords are changed by owners, here");
	ok(!may(REQUEST_PASSWD, webmail) && !may(REQUEST_PASSWD, mx) &&
		!may(REQUEST_PASSWD, sender) && !may(REQUEST_PASSWD, nobody),
	    "by nobody else, whoever has logged in");
	ok(may(REQUEST_TLS, nobody) && !may(REQUEST_TLS, tls),
	    "TLS starts once");
	ok(may(REQUEST_DELIVER, user) && may(REQUEST_DELIVER, nobody),
	    "messages are taken again and again");
	ok(may(REQUEST_NEXT_HOP, user) && may(REQUEST_NEXT_HOP, nobody),
	    "next hops are asked about one recipient after the other");
	ok(!may(REQUEST_MAILBOX, user) && !may(REQUEST_ENQUEUE, user),
	    "what the server starts by itself nobody asks for");
	ok(!may((enum request_kind)REQUESTS, nobody) &&
		!may((enum request_kind)UINT32_MAX, nobody),
	    "there are no other requests");
}

static void
test_once(void)
{
	const struct asker fresh = { .asked = 1U << REQUEST_DELIVER };
	const struct asker again = { .asked = 1U << REQUEST_DNSBL };

	const struct asker tls = { .tls = true };
	const struct asker signed_for = { .tls = true,
		.asked = 1U << REQUEST_SIGN };

	ok(may(REQUEST_SIGN, tls), "a session with TLS gets a signature");
	ok(!may(REQUEST_SIGN, signed_for), "one");
	ok(!may(REQUEST_SIGN, fresh), "and one without TLS gets none");
	ok(may(REQUEST_DNSBL, fresh), "lists in the DNS are asked");
	ok(!may(REQUEST_DNSBL, again), "once");
}

int
main(void)
{
	test_table();
	test_turn();
	test_once();
	return tap_done();
}
