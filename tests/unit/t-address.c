/* SPDX-License-Identifier: ISC */
/*
 * Paths of MAIL and RCPT (RFC 5321 section 4.1.2): what an address is, where
 * it ends, and how long it may be.  A path that ends elsewhere than the next
 * relay thinks hides recipients.
 */
#include "common/text/address.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

/* A good path: its parts, and what follows it. */
static const struct {
	const char *text, *local, *domain, *rest;
} good[] = {
	{ "<>", "", "", "" },
	{ "<> SIZE=10", "", "", " SIZE=10" },
	{ " <>", "", "", "" },
	{ "<alice@example.org>", "alice", "example.org", "" },
	{ "<alice@example.org> SIZE=1", "alice", "example.org", " SIZE=1" },
	{ "<alice@example.org>\tX", "alice", "example.org", "\tX" },
	{ " \t<alice@example.org>", "alice", "example.org", "" },
	{ "alice@example.org", "alice", "example.org", "" },
	{ "alice@example.org SIZE=1", "alice", "example.org", " SIZE=1" },
	{ "  alice@example.org", "alice", "example.org", "" },
	{ "Alice <a@b>", "Alice", "", " <a@b>" }, /* no parameter */
	{ "<Postmaster>", "Postmaster", "", "" },
	{ "postmaster", "postmaster", "", "" },
	{ "<Alice@Example.ORG>", "Alice", "Example.ORG", "" },
	{ "<a@b>", "a", "b", "" },
	{ "<a@1>", "a", "1", "" },
	{ "<1@1.2.3.4>", "1", "1.2.3.4", "" },
	{ "<a+tag@example.org>", "a+tag", "example.org", "" },
	{ "<a.b.c@example.org>", "a.b.c", "example.org", "" },
	{ "<a/b=c@example.org>", "a/b=c", "example.org", "" },
	{ "<!#$%&'*+-/=?^_`{|}~@x.y>", "!#$%&'*+-/=?^_`{|}~", "x.y", "" },
	{ "<a!b%c@example.org>", "a!b%c", "example.org", "" },
	/* Dots that phones and scanners send. */
	{ "<.a@example.org>", ".a", "example.org", "" },
	{ "<a.@example.org>", "a.", "example.org", "" },
	{ "<a..b@example.org>", "a..b", "example.org", "" },
	/* Quoted strings keep their quotes. */
	{ "<\"a b\"@example.org>", "\"a b\"", "example.org", "" },
	{ "<\"\"@example.org>", "\"\"", "example.org", "" },
	{ "<\"a@b\"@example.org>", "\"a@b\"", "example.org", "" },
	{ "<\"a>b\"@example.org> X=1", "\"a>b\"", "example.org", " X=1" },
	{ "<\"a<b>\"@example.org>", "\"a<b>\"", "example.org", "" },
	{ "<\"a\\\"b\"@example.org>", "\"a\\\"b\"", "example.org", "" },
	{ "<\"a\\\\\"@example.org>", "\"a\\\\\"", "example.org", "" },
	{ "<\"a\\>\"@example.org>", "\"a\\>\"", "example.org", "" },
	{ "<\"a,b;c:d\"@example.org>", "\"a,b;c:d\"", "example.org", "" },
	{ "<\"postmaster\">", "\"postmaster\"", "", "" },
	/* Source routes are dropped. */
	{ "<@one:a@example.org>", "a", "example.org", "" },
	{ "<@one,@two:a@example.org>", "a", "example.org", "" },
	{ "<@o.ne,@t.wo,@three:a@b> X", "a", "b", " X" },
	{ "<@[192.0.2.1]:a@b>", "a", "b", "" },
	{ "<@one:\"a:b\"@b>", "\"a:b\"", "b", "" },
	/* Address literals keep their brackets. */
	{ "<a@[192.0.2.1]>", "a", "[192.0.2.1]", "" },
	{ "<a@[255.255.255.255]>", "a", "[255.255.255.255]", "" },
	{ "<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]", "" },
	{ "<a@[ipv6:::1]>", "a", "[ipv6:::1]", "" },
	{ "<a@[IPv6:::ffff:192.0.2.1]>", "a", "[IPv6:::ffff:192.0.2.1]", "" },
	{ "a@[192.0.2.1] X", "a", "[192.0.2.1]", " X" },
	/* Domains as they are met. */
	{ "<a@example.org.>", "a", "example.org", "" },
	{ "<a@b.>", "a", "b", "" },
	{ "<a@b_c.example>", "a", "b_c.example", "" },
	{ "<a@_dmarc.example>", "a", "_dmarc.example", "" },
	{ "<a@x--y.example>", "a", "x--y.example", "" },
	{ "<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example", "" },
};

static const struct {
	const char *text;
	enum path result;
} bad[] = {
	{ "", PATH_SYNTAX },
	{ " ", PATH_SYNTAX },
	{ "<", PATH_SYNTAX },
	{ ">", PATH_SYNTAX },
	{ "<a", PATH_SYNTAX },
	{ "<a@b", PATH_SYNTAX },
	{ "a@b>", PATH_SYNTAX },
	{ "< >", PATH_SYNTAX },
	{ "< a@b>", PATH_SYNTAX },
	{ "<a@b >", PATH_SYNTAX },
	{ "<a @b>", PATH_SYNTAX },
	{ "<a@ b>", PATH_SYNTAX },
	{ "<a b@c>", PATH_SYNTAX },
	{ "<<a@b>>", PATH_SYNTAX },
	{ "<a@b>>", PATH_SYNTAX },
	{ "<a@b>x", PATH_SYNTAX },
	{ "<>x", PATH_SYNTAX },
	{ "<><a@b>", PATH_SYNTAX },
	{ "<a@b><c@d>", PATH_SYNTAX },
	{ "<a@b>SIZE=1", PATH_SYNTAX },
	{ "<a@b,c@d>", PATH_SYNTAX },
	{ "<a@b@c>", PATH_SYNTAX },
	{ "<@>", PATH_SYNTAX },
	{ "<@b>", PATH_SYNTAX },
	{ "<a@>", PATH_SYNTAX },
	{ "a@", PATH_SYNTAX },
	{ "@b", PATH_SYNTAX },
	{ "<a@.>", PATH_SYNTAX },
	{ "<a@.b>", PATH_SYNTAX },
	{ "<a@b..c>", PATH_SYNTAX },
	{ "<a@b..>", PATH_SYNTAX },
	{ "<a@b/c>", PATH_SYNTAX },
	{ "<a@b:25>", PATH_SYNTAX },
	{ "<a,b@c>", PATH_SYNTAX },
	{ "<a;b@c>", PATH_SYNTAX },
	{ "<a(c)@b>", PATH_SYNTAX },
	{ "<a@b(c)>", PATH_SYNTAX },
	{ "<a\\@b>", PATH_SYNTAX },
	/* Quotes that do not close, or that more follows. */
	{ "<\"a@b>", PATH_SYNTAX },
	{ "<\"a\\\"@b>", PATH_SYNTAX },
	{ "<\"a\"b@c>", PATH_SYNTAX },
	{ "<a\"b\"@c>", PATH_SYNTAX },
	{ "<\"a\".b@c>", PATH_SYNTAX },
	{ "<\"", PATH_SYNTAX },
	{ "<\"\\", PATH_SYNTAX },
	{ "<\"a\"", PATH_SYNTAX },
	/* Controls. */
	{ "<a\x01@b>", PATH_SYNTAX },
	{ "<a\x7f@b>", PATH_SYNTAX },
	{ "<a\r@b>", PATH_SYNTAX },
	{ "<a@b\n>", PATH_SYNTAX },
	{ "<a\t@b>", PATH_SYNTAX },
	{ "<\"a\tb\"@c>", PATH_SYNTAX },
	{ "<\"a\\\tb\"@c>", PATH_SYNTAX },
	{ "<\"a\nb\"@c>", PATH_SYNTAX },
	{ "<\"a\x7f\"@c>", PATH_SYNTAX },
	/* Source routes that lead nowhere. */
	{ "<@a,b:c@d>", PATH_SYNTAX },
	{ "<@a,@b c@d>", PATH_SYNTAX },
	{ "<@a@b:c@d>", PATH_SYNTAX },
	{ "<@:a@b>", PATH_SYNTAX },
	{ "<@a,:b@c>", PATH_SYNTAX },
	{ "<@a:>", PATH_SYNTAX },
	{ "<@a:@b:c@d>", PATH_SYNTAX },
	{ "<@a", PATH_SYNTAX },
	/* Literals that are none. */
	{ "<a@[]>", PATH_SYNTAX },
	{ "<a@[>", PATH_SYNTAX },
	{ "<a@[192.0.2.1>", PATH_SYNTAX },
	{ "<a@192.0.2.1]>", PATH_SYNTAX },
	{ "<a@[192.0.2]>", PATH_SYNTAX },
	{ "<a@[300.1.1.1]>", PATH_SYNTAX },
	{ "<a@[192.0.2.1.5]>", PATH_SYNTAX },
	{ "<a@[ 192.0.2.1]>", PATH_SYNTAX },
	{ "<a@[2001:db8::1]>", PATH_SYNTAX },
	{ "<a@[IPv6:]>", PATH_SYNTAX },
	{ "<a@[IPv6:192.0.2.1]>", PATH_SYNTAX },
	{ "<a@[IPv6:2001:db8::1::2]>", PATH_SYNTAX },
	{ "<a@[IPv6:fe80::1%lo]>", PATH_SYNTAX },
	{ "<a@[x]>", PATH_SYNTAX },
	{ "<a@[192.0.2.1]b>", PATH_SYNTAX },
	{ "<a@[192.0.2.1].>", PATH_SYNTAX },
	/* 8-bit, which needs SMTPUTF8. */
	{ "<b\xc3\xbc@c>", PATH_8BIT },
	{ "<\xc3\xbc@c>", PATH_8BIT },
	{ "\xc3\xbc@c", PATH_8BIT },
	{ "b\xc3\xbc@c", PATH_8BIT },
	{ "<a@b\xc3\xbc.example>", PATH_8BIT },
	{ "<a@\xc3\xbc.example>", PATH_8BIT },
	{ "<\"b\xc3\xbc\"@c>", PATH_8BIT },
	{ "<a@b>\xff", PATH_8BIT },
};

/* Text as TAP can show it. */
static const char *
show(const char *text)
{
	static char out[256];
	size_t n = 0;

	for (; *text != '\0' && n < sizeof(out) - 6; text++) {
		unsigned char c = (unsigned char)*text;
		n += (size_t)(c > 0x20 && c < 0x7f && c != '#'
				  ? snprintf(out + n, 6, "%c", c)
				  : snprintf(out + n, 6, "\\x%02x", c));
	}
	out[n] = '\0';
	return out;
}

static void
test_tables(void)
{
	struct address a;
	const char *rest;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum path p = address_path(good[i].text, &a, &rest);
		ok(p == PATH_OK && strcmp(a.local, good[i].local) == 0 &&
			strcmp(a.domain, good[i].domain) == 0 &&
			strcmp(rest, good[i].rest) == 0 &&
			address_is_null(&a) == (good[i].local[0] == '\0'),
		    "good: %s", show(good[i].text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum path p = address_path(bad[i].text, &a, &rest);
		ok(p == bad[i].result, "%s: %s",
		    bad[i].result == PATH_8BIT ? "8-bit" : "bad",
		    show(bad[i].text));
	}
}

/* "<LOCAL@DOMAIN>" of so many octets each; labels of at most label octets. */
static void
make(char *text, size_t local, size_t domain, size_t label)
{
	size_t n = 0;

	text[n++] = '<';
	for (size_t i = 0; i < local; i++) {
		text[n++] = 'l';
	}
	for (size_t i = 0; i < domain; i++) {
		text[n++] = (char)(i == 0 ? '@' : 'd');
		if (i > 0 && i % (label + 1) == 0 && i + 1 < domain) {
			text[n - 1] = '.';
		}
	}
	strlcpy(text + n, domain == 0 ? ">" : "d>", 3);
}

static const struct {
	size_t local, domain, label; /* octets; domain 0: none */
	enum path result;
} limits[] = {
	{ 64, 1, 63, PATH_OK },
	{ 65, 1, 63, PATH_OK }, /* recipients are looked at elsewhere */
	{ 1, 63, 63, PATH_OK },
	{ 1, 64, 64, PATH_SYNTAX }, /* a label of 64 */
	{ 64, 189, 63, PATH_OK },   /* 64 + 1 + 189 + 2 = 256 */
	{ 64, 190, 63, PATH_LONG },
	{ 64, 191, 63, PATH_LONG },
	{ 1, 252, 62, PATH_OK },
	{ 1, 253, 62, PATH_LONG },
	{ 1, 254, 62, PATH_LONG },
	{ 1, 255, 62, PATH_LONG },
	{ 1, 256, 62, PATH_LONG },
	{ 1, 257, 62, PATH_LONG },
	{ 252, 1, 63, PATH_OK },
	{ 253, 1, 63, PATH_LONG },
	{ 254, 0, 63, PATH_OK },
	{ 255, 0, 63, PATH_LONG },
	{ 256, 0, 63, PATH_LONG },
	{ 257, 0, 63, PATH_LONG },
	{ 5000, 5000, 63, PATH_LONG },
};

static void
test_limits(void)
{
	static char text[12000];
	struct address a;
	const char *rest;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		make(text, limits[i].local, limits[i].domain, limits[i].label);
		enum path p = address_path(text, &a, &rest);
		ok(p == limits[i].result &&
			(p != PATH_OK ||
			    (strlen(a.local) == limits[i].local &&
				strlen(a.domain) == limits[i].domain)),
		    "local part of %zu, domain of %zu, path of %zu octets",
		    limits[i].local, limits[i].domain, strlen(text));
	}
}

static const struct {
	const char *domain;
	bool good;
} domains[] = {
	{ "a", true },
	{ "example.org", true },
	{ "EXAMPLE.Org", true },
	{ "a-b.example", true },
	{ "a_b.example", true },
	{ "4.example", true },
	{ "[192.0.2.1]", true },
	{ "[IPv6:2001:db8::1]", true },
	{ "[IPv6:2001:0db8:0000:0000:0000:0000:255.255.255.255]", true },
	{ "", false },
	{ ".", false },
	{ ".a", false },
	{ "a..b", false },
	{ "a b", false },
	{ " a", false },
	{ "a ", false },
	{ "a\n", false },
	{ "a\x01", false },
	{ "b\xc3\xbc.example", false },
	{ "a@b", false },
	{ "a/b", false },
	{ "[192.0.2.1", false },
	{ "[192.0.2.1]x", false },
	{ "[x]", false },
	{ "[]", false },
	{ "-a.example", false },
	{ "a-.example", false },
	{ "a.-b", false },
	{ "a.", false },
};

static void
test_domains(void)
{
	char text[300];

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		ok(address_is_domain(domains[i].domain) == domains[i].good,
		    "%s domain: \"%s\"", domains[i].good ? "a" : "no",
		    show(domains[i].domain));
	}
	for (size_t n = 253; n <= 257; n++) {
		for (size_t i = 0; i < n; i++) {
			text[i] = (char)(i % 64 == 1 ? '.' : 'd');
		}
		text[n] = '\0';
		ok(address_is_domain(text) == (n <= ADDRESS_DOMAIN),
		    "a domain of %zu octets", n);
	}
	memset(text, 'd', 64);
	text[63] = '\0';
	ok(address_is_domain(text), "a label of 63 octets");
	memset(text, 'd', 64);
	text[64] = '\0';
	ok(!address_is_domain(text), "a label of 64 octets");
}

static void
test_text(void)
{
	struct address a = { .local = "alice", .domain = "example.org" };
	char text[ADDRESS_TEXT];

	ok(strcmp(address_text(&a, text, sizeof(text)), "alice@example.org") ==
		0,
	    "text of an address");
	ok(strcmp(address_text(&a, text, 8), "alice@e") == 0, "text cut off");
	a.domain[0] = '\0';
	ok(strcmp(address_text(&a, text, sizeof(text)), "alice") == 0,
	    "text without a domain");
	ok(!address_is_null(&a), "a local part alone is not the null path");
	a.local[0] = '\0';
	ok(address_text(&a, text, sizeof(text))[0] == '\0' &&
		address_is_null(&a),
	    "text of the null path");
}

static const struct {
	const char *local, *text; /* NULL: malformed */
} quoted[] = {
	{ "alice", "alice" },
	{ "\"alice\"", "alice" },
	{ "\"a b\"", "a b" },
	{ "\"a\\\"b\\\\\"", "a\"b\\" },
	{ "\"\"", "" },
	{ "\"a", NULL },
	{ "\"a\\\"", NULL },
	{ "\"a\"b", NULL },
	{ "\"", NULL },
};

static void
test_unquote(void)
{
	char text[8];

	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		bool whole =
		    address_unquote(quoted[i].local, text, sizeof(text));
		ok(whole == (quoted[i].text != NULL) &&
			(!whole || strcmp(text, quoted[i].text) == 0),
		    "without its quotes: %s", quoted[i].local);
	}
	ok(address_unquote("1234567", text, sizeof(text)) &&
		!address_unquote("12345678", text, sizeof(text)) &&
		address_unquote("\"1234567\"", text, sizeof(text)) &&
		!address_unquote("\"12345678\"", text, sizeof(text)),
	    "what does not fit is not cut off");
	ok(address_is_routed("a%b") && address_is_routed("b!a") &&
		address_is_routed("a@b") && !address_is_routed("a+b"),
	    "local parts that name another domain");
}

int
main(void)
{
	test_tables();
	test_limits();
	test_domains();
	test_text();
	test_unquote();
	return tap_done();
}
