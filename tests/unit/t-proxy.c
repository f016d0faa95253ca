/* SPDX-License-Identifier: ISC */
/*
 * The PROXY header says who a client is, and ends where the client's own words
 * begin: what is no header must not be taken for one, and not an octet
 * after it may be asked for, wherever the octets are cut.
 */
#include "common/session/proxy.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define T(text) text, sizeof(text) - 1

enum { BAD = -1, SHORT = -2 };

static const struct {
	const char *name, *data;
	size_t len;
	int kind; /* enum proxy_kind, BAD, or SHORT: not yet whole */
	const char *address;
	unsigned port;
} cases[] = {
	/* version 1 */
	{ "TCP4", T("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"), PROXY_CLIENT,
	    "192.0.2.7", 4711 },
	{ "TCP6", T("PROXY TCP6 2001:db8::7 2001:db8::1 65535 25\r\n"),
	    PROXY_CLIENT, "2001:db8::7", 65535 },
	{ "the longest of TCP6",
	    T("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    PROXY_CLIENT, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
	{ "port 0", T("PROXY TCP4 192.0.2.7 192.0.2.1 0 0\r\n"), PROXY_CLIENT,
	    "192.0.2.7", 0 },
	{ "UNKNOWN", T("PROXY UNKNOWN\r\n"), PROXY_UNKNOWN, NULL, 0 },
	{ "UNKNOWN with more",
	    T("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 1 2\r\n"),
	    PROXY_UNKNOWN, NULL, 0 },
	{ "UNKNOWN of 107 octets",
	    T("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	    PROXY_UNKNOWN, NULL, 0 },
	{ "UNKNOWN of 108 octets",
	    T("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
	    BAD, NULL, 0 },
	{ "no CR", T("PROXY UNKNOWN\n"), BAD, NULL, 0 },
	{ "no CR, longer", T("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\n"), BAD,
	    NULL, 0 },
	{ "no LF", T("PROXY UNKNOWN\r"), SHORT, NULL, 0 },
	{ "lower case", T("proxy UNKNOWN\r\n"), BAD, NULL, 0 },
	{ "lower case family", T("PROXY tcp4 192.0.2.7 192.0.2.1 1 2\r\n"), BAD,
	    NULL, 0 },
	{ "UNKNOWNS", T("PROXY UNKNOWNS\r\n"), BAD, NULL, 0 },
	{ "UDP4", T("PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n"), BAD, NULL, 0 },
	{ "two blanks", T("PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n"), BAD, NULL,
	    0 },
	{ "a blank at the end", T("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n"),
	    BAD, NULL, 0 },
	{ "a tab", T("PROXY TCP4\t192.0.2.7 192.0.2.1 1 2\r\n"), BAD, NULL, 0 },
	{ "a word too many", T("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n"), BAD,
	    NULL, 0 },
	{ "a word too few", T("PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n"), BAD,
	    NULL, 0 },
	{ "no words", T("PROXY TCP4           \r\n"), BAD, NULL, 0 },
	{ "the wrong family", T("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"),
	    BAD, NULL, 0 },
	{ "the wrong family for 6", T("PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n"),
	    BAD, NULL, 0 },
	{ "no such address", T("PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n"), BAD,
	    NULL, 0 },
	{ "nobody's address", T("PROXY TCP4 0.0.0.0 192.0.2.1 1 2\r\n"), BAD,
	    NULL, 0 },
	{ "nobody's address of 6", T("PROXY TCP6 :: 2001:db8::1 1 2\r\n"), BAD,
	    NULL, 0 },
	{ "no such port", T("PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n"), BAD,
	    NULL, 0 },
	{ "a port with a sign", T("PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n"),
	    BAD, NULL, 0 },
	{ "a port with a 0", T("PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n"), BAD,
	    NULL, 0 },
	{ "NUL", T("PROXY TCP4 192.0.2.7\0 192.0.2.1 1 2\r\n"), BAD, NULL, 0 },
	{ "8-bit", T("PROXY UNKNOWN \377\r\n"), BAD, NULL, 0 },
	/* version 2 */
	{ "2: LOCAL", T(V2 "\x20\0\0\0"), PROXY_OWN, NULL, 0 },
	{ "2: LOCAL with a family and octets",
	    T(V2 "\x20\x11\0\x0d"
		 "0123456789abc"),
	    PROXY_OWN, NULL, 0 },
	{ "2: TCP4",
	    T(V2 "\x21\x11\0\x0c"
		 "\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x19"),
	    PROXY_CLIENT, "192.0.2.7", 4711 },
	{ "2: TCP4 with fields",
	    T(V2 "\x21\x11\0\x10"
		 "\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x19\4\0\1x"),
	    PROXY_CLIENT, "192.0.2.7", 4711 },
	{ "2: TCP6",
	    T(V2 "\x21\x21\0\x24"
		 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
		 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x12\x67\0\x19"),
	    PROXY_CLIENT, "2001:db8::7", 4711 },
	{ "2: unspecified", T(V2 "\x21\0\0\2xy"), PROXY_UNKNOWN, NULL, 0 },
	{ "2: TCP4 cut short",
	    T(V2 "\x21\x11\0\x0b"
		 "\xc0\0\2\7\xc0\0\2\1\x12\x67\0"),
	    BAD, NULL, 0 },
	{ "2: TCP6 in the space of TCP4",
	    T(V2 "\x21\x21\0\x0c"
		 "\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x19"),
	    BAD, NULL, 0 },
	{ "2: AF_UNIX cut short", T(V2 "\x21\x31\0\2xy"), BAD, NULL, 0 },
	{ "2: UDP4",
	    T(V2 "\x21\x12\0\x0c"
		 "\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x19"),
	    BAD, NULL, 0 },
	{ "2: nobody's address",
	    T(V2 "\x21\x11\0\x0c"
		 "\0\0\0\0\xc0\0\2\1\x12\x67\0\x19"),
	    BAD, NULL, 0 },
	{ "2: version 1", T(V2 "\x11\x11\0\0"), BAD, NULL, 0 },
	{ "2: version 3", T(V2 "\x31\x11\0\0"), BAD, NULL, 0 },
	{ "2: command 2", T(V2 "\x22\x11\0\0"), BAD, NULL, 0 },
	{ "2: too long", T(V2 "\x21\x11\xff\xff"), BAD, NULL, 0 },
	{ "2: the signature spoilt",
	    T("\r\n\r\n\0\r\nQUIT\r"
	      "\x20\0\0\0"),
	    BAD, NULL, 0 },
	/* neither */
	{ "nothing", T(""), SHORT, NULL, 0 },
	{ "a client", T("EHLO client.example.net\r\n"), BAD, NULL, 0 },
	{ "another", T("PROXIMUS"), BAD, NULL, 0 },
	{ "TLS", T("\x16\3\1\2\0\1\0"), BAD, NULL, 0 },
};

/* What the first so many octets are. */
static int
parse(const uint8_t *data, size_t len, struct proxy *p)
{
	enum proxy_result result = proxy_parse(data, len, p);

	return result == PROXY_BAD    ? BAD
	       : result == PROXY_MORE ? SHORT
	                              : (int)p->kind;
}

/* Reads as much as is asked for at a time; at most most. */
static int
feed(const uint8_t *data, size_t len, size_t most, struct proxy *p)
{
	size_t have = 0;
	int kind;

	while ((kind = parse(data, have, p)) == SHORT && have < len) {
		size_t want = p->need < most ? p->need : most;
		if (want == 0) {
			return BAD - 10;
		}
		have += want < len - have ? want : len - have;
	}
	return kind == SHORT || kind == BAD || have == p->length ? kind
	                                                         : BAD - 20;
}

static void
test_cases(void)
{
	struct proxy p;
	char text[NETWORK_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *data = (const uint8_t *)cases[i].data;
		bool good = true;
		for (size_t most = 1; most <= cases[i].len + 1; most++) {
			int kind = feed(data, cases[i].len, most, &p);
			good = good && kind == cases[i].kind &&
			       (cases[i].address == NULL ||
				   (p.port == cases[i].port &&
				       strcmp(network_text(p.address, text),
					   cases[i].address) == 0));
		}
		ok(good, "%s, whole and in pieces", cases[i].name);
	}
}

/* Behind a header there is what the client says: it is left alone. */
static void
test_behind(void)
{
	static const char *const after[] = { "EHLO client.example.net\r\n",
		"\r\n", "\n", "PROXY UNKNOWN\r\n", "\x16\3\1" };
	struct proxy p;
	bool good = true;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t b = 0; cases[i].kind >= 0 && b < 5; b++) {
			struct bytes all = { .len = 0 };
			bytes_add(&all, cases[i].data, cases[i].len);
			bytes_text(&all, after[b]);
			for (size_t most = 1; most < 200; most += 13) {
				good = good &&
				       feed((const uint8_t *)all.data, all.len,
					   most, &p) == cases[i].kind &&
				       p.length == cases[i].len;
			}
			free(all.data);
		}
	}
	ok(good, "no octet after a header is asked for");
}

static void
test_long(void)
{
	uint8_t data[PROXY_MOST + 1] = V2 "\x21\x11";
	struct proxy p;

	memcpy(data + 16, "\xc0\0\2\7\xc0\0\2\1\x12\x67\0\x19", 12);
	data[14] = (PROXY_MOST - 16) >> 8;
	data[15] = (PROXY_MOST - 16) & 0xff;
	ok(parse(data, 16, &p) == SHORT && p.need == PROXY_MOST - 16,
	    "the longest is asked for");
	ok(parse(data, PROXY_MOST, &p) == PROXY_CLIENT &&
		p.length == PROXY_MOST,
	    "and taken");
	data[15]++;
	ok(parse(data, 16, &p) == BAD, "but nothing longer");
}

int
main(void)
{
	test_cases();
	test_behind();
	test_long();
	return tap_done();
}
