/* SPDX-License-Identifier: ISC */
/*
 * Answers of name servers: what they say is understood, and what is cut off,
 * lies about lengths, or points in circles is temporary trouble, never a reason
 * to give mail back.
 */
#include "common/dns/dns.h"

#include "tests/unit/t-dns.h"
#include "tests/unit/tap.h"

#include <netinet/in.h>

static struct dns_mx hosts[DNS_HOSTS];
static struct dns_address addresses[DNS_ADDRESSES];
static size_t count;

/* In a block of its own size, so that a tool sees overruns. */
static enum dns_status
mx(const struct bytes *b)
{
	char *exact = malloc(b->len + 1);

	memcpy(exact, b->data, b->len);
	exact = realloc(exact, b->len == 0 ? 1 : b->len);
	enum dns_status status =
	    dns_parse_mx((const unsigned char *)exact, b->len, hosts, &count);
	free(exact);
	return status;
}

static enum dns_status
address(const struct bytes *b, int type)
{
	char *exact = malloc(b->len + 1);

	memcpy(exact, b->data, b->len);
	exact = realloc(exact, b->len == 0 ? 1 : b->len);
	count = 0;
	enum dns_status status = dns_parse_addresses(
	    (const unsigned char *)exact, b->len, type, addresses, &count);
	free(exact);
	return status;
}

static enum dns_status
parse_text(const struct bytes *b, char *text, size_t size)
{
	char *exact = malloc(b->len + 1);

	memcpy(exact, b->data, b->len);
	exact = realloc(exact, b->len == 0 ? 1 : b->len);
	enum dns_status status =
	    dns_parse_text((const unsigned char *)exact, b->len, text, size);
	free(exact);
	return status;
}

static bool
is_host(size_t i, unsigned preference, const char *name)
{
	return i < count && hosts[i].preference == preference &&
	       strcmp(hosts[i].host, name) == 0;
}

static void
test_mx(struct bytes *b)
{
	put_start(b, "example.org", ns_t_mx, 0, 3);
	put_pointing(b, "@12", ns_t_mx, 20, "b.example.net");
	put_pointing(b, "@12", ns_t_mx, 10, "a@12");
	put_pointing(b, "EXAMPLE.Org", ns_t_mx, 65535, "c.example.net");
	ok(mx(b) == DNS_OK && count == 3 && is_host(0, 20, "b.example.net") &&
		is_host(1, 10, "a.example.org") &&
		is_host(2, 65535, "c.example.net"),
	    "three hosts, names compressed, case does not matter");
	bool short_ones = true;
	for (size_t whole = b->len; b->len > 0;) {
		b->len--;
		short_ones = short_ones && mx(b) == DNS_TEMPORARY && count == 0;
		if (b->len == 0) {
			b->len = whole;
			break;
		}
	}
	ok(short_ones, "cut off anywhere: temporary");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_pointing(b, "@12", ns_t_mx, 0, "");
	ok(mx(b) == DNS_OK && count == 1 && is_host(0, 0, ""), "a null MX");
	put_start(b, "example.org", ns_t_mx, 0, 0);
	ok(mx(b) == DNS_NO_DATA && count == 0, "no record");
	put_start(b, "example.org", ns_t_mx, 0, 3);
	put_pointing(b, "@12", ns_t_mx, 20, "a.example.net");
	put_pointing(b, "@12", ns_t_mx, 10, "A.Example.Net");
	put_pointing(b, "@12", ns_t_mx, 30, "a.example.net");
	ok(mx(b) == DNS_OK && count == 1 && hosts[0].preference == 10,
	    "a host counts once, at its best");
	put_start(b, "example.org", ns_t_mx, 0, 2);
	put_pointing(b, "@12", ns_t_mx, 10, "two words.example.net");
	put_pointing(b, "@12", ns_t_mx, 20, "a.example.net");
	ok(mx(b) == DNS_OK && count == 1 && is_host(0, 20, "a.example.net"),
	    "a name that no host has does not count");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_pointing(b, "@12", ns_t_mx, 10, "two words.example.net");
	ok(mx(b) == DNS_TEMPORARY && count == 0, "if it is alone: temporary");
}

static void
test_many(struct bytes *b)
{
	char name[64];
	bool best = true;

	put_start(b, "example.org", ns_t_mx, 0, 3000);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "h%d@12", i);
		put_pointing(b, "@12", ns_t_mx, 5000 - i, name);
	}
	enum dns_status status = mx(b);
	for (size_t i = 0; i < count; i++) {
		best = best && hosts[i].preference <= 5000 - 2999 + DNS_HOSTS;
	}
	ok(status == DNS_OK && count == DNS_HOSTS && best,
	    "of thousands the best are kept, though they come last");
	put_start(b, "example.org", ns_t_a, 0, 1000);
	for (int i = 0; i < 1000; i++) {
		put_record(b, "@12", ns_t_a, 4);
		put(b, 0xc0000200 | (unsigned)i % 256, 4);
	}
	ok(address(b, ns_t_a) == DNS_OK && count == DNS_ADDRESSES,
	    "a thousand addresses");
}

static void
test_aliases(struct bytes *b)
{
	char name[64], next[64];

	put_start(b, "example.org", ns_t_mx, 0, 3);
	put_pointing(b, "real.example.net", ns_t_mx, 10, "mx.example.net");
	put_pointing(b, "www.example.net", ns_t_cname, 0, "real.example.net");
	put_pointing(b, "@12", ns_t_cname, 0, "www.example.net");
	ok(mx(b) == DNS_OK && count == 1 && is_host(0, 10, "mx.example.net"),
	    "the records at the end of CNAMEs, in any order");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_pointing(b, "other.example.net", ns_t_mx, 10, "mx.example.net");
	ok(mx(b) == DNS_NO_DATA, "records of another name are no answer");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_pointing(b, "@12", ns_t_cname, 0, "www.example.net");
	ok(mx(b) == DNS_NO_DATA, "a CNAME to nothing");
	put_start(b, "example.org", ns_t_mx, 0, 2);
	put_pointing(b, "@12", ns_t_cname, 0, "www.example.net");
	put_pointing(b, "www.example.net", ns_t_cname, 0, "@12");
	ok(mx(b) == DNS_TEMPORARY, "CNAMEs in a circle");
	put_start(b, "n0.org", ns_t_a, 0, 41);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d.org", i);
		snprintf(next, sizeof(next), "n%d.org", i + 1);
		put_pointing(b, name, ns_t_cname, 0, next);
	}
	put_record(b, "n40.org", ns_t_a, 4);
	put(b, 0x7f000001, 4);
	ok(address(b, ns_t_a) == DNS_TEMPORARY, "too many CNAMEs");
}

static void
test_rcodes(struct bytes *b)
{
	for (int rcode = 1; rcode < 16; rcode++) {
		put_start(b, "example.org", ns_t_mx, rcode, 0);
		enum dns_status status = mx(b);
		ok(status ==
			(rcode == ns_r_nxdomain ? DNS_NONE : DNS_TEMPORARY),
		    "code %d", rcode);
	}
}

static void
test_hostile(struct bytes *b)
{
	for (unsigned len = 0; len < 4; len++) {
		put_start(b, "example.org", ns_t_mx, 0, 1);
		put_record(b, "@12", ns_t_mx, len);
		put(b, 0, len);
		ok(mx(b) == (len == 3 ? DNS_OK : DNS_TEMPORARY),
		    "an MX of %u octets", len);
	}
	for (unsigned len = 0; len < 18; len++) {
		put_start(b, "example.org", ns_t_a, 0, 2);
		put_record(b, "@12", ns_t_a, len);
		put(b, 0, len);
		put_record(b, "@12", ns_t_aaaa, len);
		put(b, 0, len);
		ok(address(b, ns_t_a) == (len == 4 ? DNS_OK : DNS_TEMPORARY) &&
			address(b, ns_t_aaaa) ==
			    (len == 16 ? DNS_OK : DNS_TEMPORARY),
		    "addresses of %u octets", len);
	}
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_record(b, "@12", ns_t_mx, 65535);
	put(b, 10, 2);
	put_name(b, "mx.example.org");
	ok(mx(b) == DNS_TEMPORARY, "a length past the end");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_record(b, "@12", ns_t_mx, 4);
	put(b, 10, 2);
	put_name(b, "mx.example.org");
	ok(mx(b) == DNS_TEMPORARY, "a name that is longer than its record");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_record(b, "@12", ns_t_mx, 4);
	size_t at = b->len;
	put(b, 10, 2);
	put(b, 0xc000 | (unsigned)(at + 2), 2);
	ok(mx(b) == DNS_TEMPORARY, "a pointer to itself");
	b->data[at + 3] = 12;
	ok(mx(b) == DNS_OK, "but not one to the question");
	b->data[at + 2] = (char)0xff;
	b->data[at + 3] = (char)0xff;
	ok(mx(b) == DNS_TEMPORARY, "a pointer past the end");
	b->data[at + 2] = (char)0x80;
	ok(mx(b) == DNS_TEMPORARY, "a label of an unknown kind");
	put_start(b, "example.org", ns_t_mx, 0, 65535);
	put_pointing(b, "@12", ns_t_mx, 1, "mx.example.org");
	ok(mx(b) == DNS_TEMPORARY, "more records promised than come");
	put_start(b, "example.org", ns_t_mx, 0, 1);
	put_pointing(b, "@12", ns_t_mx, 1, "mx.example.org");
	b->data[2] &= 0x7f;
	ok(mx(b) == DNS_TEMPORARY, "a question is no answer");
	b->data[2] |= (char)0x80;
	b->data[5] = 2;
	ok(mx(b) == DNS_TEMPORARY, "two questions");
	b->data[5] = 0;
	ok(mx(b) == DNS_TEMPORARY, "no question");
}

/* Names as long as they may be, and longer. */
static void
test_long(struct bytes *b)
{
	char name[600] = "";
	static const char label[] = "abcdefghijklmnopqrstuvwxyz"
				    "abcdefghijklmnopqrstuvwxyz01234567890";

	for (int labels = 1; labels < 6; labels++) {
		strcat(name, label);
		put_start(b, "example.org", ns_t_mx, 0, 1);
		put_pointing(b, "@12", ns_t_mx, 1, name);
		/* 4 * 64 octets and the root are one too many. */
		ok(mx(b) == (labels < 4 ? DNS_OK : DNS_TEMPORARY),
		    "a name of %d long labels", labels);
		strcat(name, ".");
	}
	name[0] = '\0';
	for (int i = 0; i < 127; i++) {
		strcat(name, "a.");
	}
	put_start(b, name, ns_t_mx, 0, 1);
	put_pointing(b, "@12", ns_t_mx, 1, "mx.example.org");
	ok(mx(b) == DNS_OK && count == 1, "127 labels");
	strcat(name, "a.");
	put_start(b, name, ns_t_mx, 0, 1);
	put_pointing(b, "@12", ns_t_mx, 1, "mx.example.org");
	ok(mx(b) == DNS_TEMPORARY, "128 labels");
}

/* Each octet wrong, two at a time: nothing may be read outside. */
static void
test_damage(struct bytes *b)
{
	for (int i = 0; i < 20000; i++) {
		put_start(b, "example.org", ns_t_mx, 0, 3);
		put_pointing(b, "@12", ns_t_cname, 0, "www.example.net");
		put_pointing(b, "www.example.net", ns_t_mx, 1, "mx@12");
		put_record(b, "www.example.net", ns_t_a, 4);
		put(b, 0x7f000001, 4);
		for (int k = 0; k < 2; k++) {
			b->data[random_below(b->len)] = (char)random_below(256);
		}
		(void)mx(b);
		(void)address(b, ns_t_a);
	}
	ok(true, "damaged answers do no harm");
}

static void
test_text(struct bytes *b)
{
	char text[8];

	put_start(b, "example.org", ns_t_txt, 0, 1);
	put_record(b, "@12", ns_t_txt, 6);
	bytes_add(b, "\2ab\2c\n", 6);
	ok(parse_text(b, text, sizeof(text)) == DNS_OK &&
		strcmp(text, "abc?") == 0,
	    "two strings are one text, on one line");
	ok(parse_text(b, text, 3) == DNS_OK && strcmp(text, "ab") == 0,
	    "as much as fits");
	bool short_ones = true;
	while (b->len-- > 0) {
		short_ones =
		    short_ones &&
		    parse_text(b, text, sizeof(text)) == DNS_TEMPORARY &&
		    text[0] == '\0';
		if (b->len == 0) {
			break;
		}
	}
	ok(short_ones, "cut off anywhere: temporary, and no text");
	put_start(b, "example.org", ns_t_txt, 0, 1);
	put_record(b, "@12", ns_t_txt, 3);
	bytes_add(b, "\3ab", 3);
	ok(parse_text(b, text, sizeof(text)) == DNS_TEMPORARY &&
		text[0] == '\0',
	    "a string beyond its record");
	put_start(b, "example.org", ns_t_txt, 0, 1);
	put_record(b, "@12", ns_t_txt, 0);
	ok(parse_text(b, text, sizeof(text)) == DNS_TEMPORARY, "no string");
	put_start(b, "example.org", ns_t_txt, 0, 0);
	ok(parse_text(b, text, sizeof(text)) == DNS_NO_DATA, "no record");
	put_start(b, "example.org", ns_t_txt, 3, 0);
	ok(parse_text(b, text, sizeof(text)) == DNS_NONE, "no name");
}

static void
test_servers(void)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1:53" },
		{ "127.0.0.1:5353", "127.0.0.1:5353" },
		{ "::1", "[::1]:53" },
		{ "[::1]", "[::1]:53" },
		{ "[::1]:5353", "[::1]:5353" },
		{ "[2001:db8::1]:65535", "[2001:db8::1]:65535" },
		{ "127.0.0.1:", NULL },
		{ "127.0.0.1:0", NULL },
		{ "127.0.0.1:65536", NULL },
		{ "127.0.0.1:x", NULL },
		{ "127.0.0", NULL },
		{ "[::1", NULL },
		{ "[::1]x", NULL },
		{ "[::1]5353", NULL },
		{ "ns.example.org", NULL },
		{ "", NULL },
	};
	char text[DNS_SERVER_TEXT];
	struct dns_address a;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = dns_server_parse(cases[i].text, &a);
		if (good) {
			dns_server_text(&a, text);
		}
		ok(good == (cases[i].result != NULL) &&
			(!good || strcmp(text, cases[i].result) == 0),
		    "resolver \"%s\"", cases[i].text);
	}
}

static bool
keep_text(void *context, const char *data, size_t len)
{
	struct bytes *out = context;

	bytes_add(out, data, len);
	bytes_add(out, "|", 1);
	return true;
}

/* Services (RFC 2782), aliases, and what is taken as it is. */
static void
test_each(struct bytes *b)
{
	struct bytes got = { .data = NULL };
	char alias[DNS_NAME];

	put_start(b, "_pop3s._tcp.example.org", ns_t_srv, 0, 1);
	put_record(b, "@12", ns_t_srv, 6 + 16);
	put(b, 1, 2);
	put(b, 2, 2);
	put(b, 995, 2);
	put_name(b, "mx.example.org");
	ok(dns_parse_each((unsigned char *)b->data, b->len, ns_t_srv, keep_text,
	       &got) == DNS_OK &&
		got.len == 23 &&
		memcmp(got.data, "1 2 995 mx.example.org|", 23) == 0,
	    "a service");
	b->len--;
	ok(dns_parse_each((unsigned char *)b->data, b->len, ns_t_srv, keep_text,
	       &got) == DNS_TEMPORARY,
	    "cut off: temporary");
	put_start(b, "example.org", ns_t_srv, 0, 1);
	put_record(b, "@12", ns_t_srv, 6);
	put(b, 0, 6);
	ok(dns_parse_each((unsigned char *)b->data, b->len, ns_t_srv, keep_text,
	       &got) == DNS_TEMPORARY,
	    "a service without a host: temporary");
	got.len = 0;
	put_start(b, "example.org", ns_t_caa, 0, 1);
	put_record(b, "@12", ns_t_caa, 3);
	put(b, 0x414243, 3);
	ok(dns_parse_each((unsigned char *)b->data, b->len, ns_t_caa, keep_text,
	       &got) == DNS_OK &&
		got.len == 4 && memcmp(got.data, "ABC|", 4) == 0,
	    "another type, as it is");
	ok(!dns_parse_alias((unsigned char *)b->data, b->len, alias),
	    "no alias");
	put_start(b, "www.example.org", ns_t_txt, 0, 1);
	put_pointing(b, "@12", ns_t_cname, 0, "example.net");
	ok(dns_parse_alias((unsigned char *)b->data, b->len, alias) &&
		strcmp(alias, "example.net") == 0,
	    "an alias of what has no such record");
	free(got.data);
}

int
main(void)
{
	struct bytes b = { .data = NULL };

	test_mx(&b);
	test_many(&b);
	test_aliases(&b);
	test_rcodes(&b);
	test_hostile(&b);
	test_long(&b);
	test_damage(&b);
	test_text(&b);
	test_each(&b);
	test_servers();
	free(b.data);
	return tap_done();
}
