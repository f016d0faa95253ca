/* SPDX-License-Identifier: ISC */
/*
 * Routes: which rule wins.  A wrong one sends mail to strangers, or into a
 * circle.
 */
#include "smtpd/route/route.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct config *
config(void)
{
	static struct config c = {
		.hostname = "mail.example.org",
		.domains = { "example.org" },
		.ndomains = 1,
		.virtual_domains = { "virtual.example" },
		.nvirtual_domains = 1,
		.routes = { { ".example.net", "smtp://below.example" },
		    { "example.net", "smtp://itself.example" },
		    { ".b.example.net", "smtp://longer.example" },
		    { "bad.example", "smtp://u:secret@a..b" },
		    { "direct.example", "mx:2525" },
		    { "[192.0.2.1]", "lmtp:h" } },
		.nroutes = 6,
		.sender_relays = { { "@alias.example",
				       "smtp://domain.example" },
		    { "bob@alias.example", "smtp://bob.example" } },
		.nsender_relays = 2,
	};
	return &c;
}

static const struct {
	const char *sender, *recipient;
	enum route_kind kind;
	const char *hop, *why; /* why: is in it */
} table[] = {
	{ "a@b.c", "postmaster", ROUTE_LOCAL, "", "ours" },
	{ "a@b.c", "x@example.org", ROUTE_LOCAL, "", "ours" },
	{ "a@b.c", "x@EXAMPLE.org", ROUTE_LOCAL, "", "ours" },
	{ "a@b.c", "x@mail.example.org", ROUTE_LOCAL, "", "ours" },
	{ "a@b.c", "x@virtual.example", ROUTE_LOCAL, "", "ours" },
	{ "a@b.c", "x@sub.example.org", ROUTE_HOP, "mx sub.example.org",
	    "the DNS" },
	{ "a@b.c", "x@example.net", ROUTE_HOP,
	    "smtp://itself.example:25?tls=may", "route example.net" },
	{ "a@b.c", "x@A.Example.NET", ROUTE_HOP,
	    "smtp://below.example:25?tls=may", "route .example.net" },
	{ "a@b.c", "x@b.example.net", ROUTE_HOP,
	    "smtp://below.example:25?tls=may", "route .example.net" },
	{ "a@b.c", "x@a.b.example.net", ROUTE_HOP,
	    "smtp://longer.example:25?tls=may", "route .b.example.net" },
	{ "a@b.c", "x@xexample.net", ROUTE_HOP, "mx xexample.net", "the DNS" },
	{ "a@b.c", "x@bad.example", ROUTE_NONE, "", "route bad.example" },
	{ "a@b.c", "x@direct.example", ROUTE_HOP, "mx direct.example:2525",
	    "route direct.example" },
	{ "a@b.c", "x@[192.0.2.1]", ROUTE_HOP, "lmtp:h:24",
	    "route [192.0.2.1]" },
	{ "a@b.c", "x@[192.0.2.2]", ROUTE_HOP, "smtp://192.0.2.2:25?tls=may",
	    "the DNS" },
	{ "bob@alias.example", "x@d.e", ROUTE_HOP,
	    "smtp://bob.example:25?tls=may", "sender-relay bob@alias.example" },
	{ "BOB@Alias.example", "x@d.e", ROUTE_HOP,
	    "smtp://bob.example:25?tls=may", "sender-relay bob@alias.example" },
	{ "eve@alias.example", "x@d.e", ROUTE_HOP,
	    "smtp://domain.example:25?tls=may", "sender-relay @alias.example" },
	{ "bob@sub.alias.example", "x@d.e", ROUTE_HOP, "mx d.e", "the DNS" },
	{ "bob@alias.example", "x@example.net", ROUTE_HOP,
	    "smtp://itself.example:25?tls=may", "route example.net" },
	{ "", "x@d.e", ROUTE_HOP, "mx d.e", "the DNS" },
};

static void
find(const struct config *c, const char *sender, const char *recipient,
    struct route *r)
{
	struct address a;
	const char *rest;

	if (address_path(recipient, &a, &rest) != PATH_OK) {
		puts("Bail out! address_path");
		exit(2);
	}
	route_find(c, sender, &a, r);
}

static void
test_table(void)
{
	static char text[HOP_TEXT];
	static struct route r;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		find(config(), table[i].sender, table[i].recipient, &r);
		ok(r.kind == table[i].kind &&
			(r.kind != ROUTE_HOP || strcmp(hop_text(&r.hop, text),
						    table[i].hop) == 0) &&
			strstr(r.why, table[i].why) != NULL &&
			strstr(r.why, "secret") == NULL && !r.has_fallback,
		    "from <%s> to <%s>", table[i].sender, table[i].recipient);
	}
}

static void
test_fallback(void)
{
	static struct config c;
	static char text[HOP_TEXT];
	static struct route r;

	c = *config();
	strlcpy(c.fallback_relay, "smtp://last.example", CONFIG_VALUE);
	find(&c, "", "x@d.e", &r);
	ok(r.kind == ROUTE_HOP && r.has_fallback &&
		strcmp(hop_text(&r.fallback, text),
		    "smtp://last.example:25?tls=may") == 0,
	    "the fallback is behind an MX");
	find(&c, "", "x@direct.example", &r);
	ok(r.has_fallback, "and behind one that a route asks for");
	find(&c, "", "x@example.net", &r);
	ok(r.kind == ROUTE_HOP && !r.has_fallback, "not behind another hop");
	find(&c, "", "x@example.org", &r);
	ok(r.kind == ROUTE_LOCAL && !r.has_fallback, "nor for our own");
	strlcpy(c.fallback_relay, "nonsense", CONFIG_VALUE);
	find(&c, "", "x@d.e", &r);
	ok(r.kind == ROUTE_NONE && strstr(r.why, "fallback-relay") != NULL,
	    "a broken fallback is told");
}

static void
test_relay(void)
{
	static struct config c;
	static char text[HOP_TEXT];
	static struct route r;

	c = *config();
	strlcpy(c.relay, "smtps://u:p@smart.example", CONFIG_VALUE);
	find(&c, "", "x@d.e", &r);
	ok(r.kind == ROUTE_HOP && strcmp(r.why, "the key relay") == 0 &&
		strcmp(hop_text(&r.hop, text),
		    "smtps://u@smart.example:465?tls=verify") == 0 &&
		strcmp(r.hop.password, "p") == 0,
	    "the relay takes what no other rule does");
	config_hide_passwords(&c);
	find(&c, "", "x@d.e", &r);
	ok(r.hop.hidden && r.hop.password[0] == '\0' &&
		strcmp(r.hop.user, "u") == 0,
	    "one whose password is hidden is known to have one");
	find(&c, "bob@alias.example", "x@d.e", &r);
	ok(strstr(r.why, "sender-relay") != NULL, "senders have theirs first");
	strlcpy(c.routes[0].pattern, "*", CONFIG_NAME);
	find(&c, "bob@alias.example", "x@d.e", &r);
	ok(strcmp(r.why, "the key route *") == 0, "and \"*\" is for everybody");
	find(&c, "", "x@example.net", &r);
	ok(strcmp(r.why, "the key route example.net") == 0, "but comes last");
	find(&c, "", "x@example.org", &r);
	ok(r.kind == ROUTE_LOCAL, "and never for our own domains");
}

/* Whose recipients the next hop knows. */
static void
test_asked(void)
{
	static const struct {
		enum resolved_kind kind;
		enum alias_kind alias;
		const char *local, *domain;
		bool asked;
	} rows[] = {
		{ RESOLVED_NONE, ALIAS_NONE, "a", "example.net", true },
		{ RESOLVED_USER, ALIAS_NONE, "a", "example.net", true },
		{ RESOLVED_ASK, ALIAS_NONE, "a", "example.net", true },
		{ RESOLVED_ALIAS, ALIAS_LIST, "a", "example.net", false },
		{ RESOLVED_ASK, ALIAS_LIST, "a", "example.net", false },
		{ RESOLVED_NONE, ALIAS_NONE, "a", "example.org", false },
		{ RESOLVED_NONE, ALIAS_NONE, "a", "", false },
		{ RESOLVED_NONE, ALIAS_NONE, "a", "below.example.net", false },
		{ RESOLVED_NONE, ALIAS_NONE, "SRS0=4a8b1c2d=x=y.z=a",
		    "example.net", false },
	};
	static struct config c;

	c = *config();
	strlcpy(c.domains[1], "example.net", sizeof(c.domains[1]));
	c.ndomains = 2;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct resolved r = { .kind = rows[i].kind,
			.alias = { .kind = rows[i].alias } };
		struct address a;
		strlcpy(a.local, rows[i].local, sizeof(a.local));
		strlcpy(a.domain, rows[i].domain, sizeof(a.domain));
		c.recipient_check = RECIPIENT_CHECK_NEXT_HOP;
		bool asked = route_is_asked(&c, &a, &r);
		c.recipient_check = RECIPIENT_CHECK_LOCAL;
		ok(asked == rows[i].asked && !route_is_asked(&c, &a, &r),
		    "row %zu: %s@%s", i, rows[i].local, rows[i].domain);
	}
}

int
main(void)
{
	test_asked();
	test_table();
	test_fallback();
	test_relay();
	return tap_done();
}
