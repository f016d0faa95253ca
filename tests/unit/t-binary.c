/* SPDX-License-Identifier: ISC */
/*
 * BINARYMIME turned into lines: what is binary must come out of base64 as it
 * was, to the octet, wherever the network cuts it; and nothing else may change.
 */
#include "smtpd/session/binary.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

#define S(text) text, sizeof(text) - 1
#define CTE "Content-Transfer-Encoding: "
#define BIN CTE "binary\r\n"
#define B64 CTE "base64\r\n"
#define OCTETS "Content-Type: application/octet-stream\r\n"
#define MIXED                                                                  \
	"MIME-Version: 1.0\r\n"                                                \
	"Content-Type: multipart/mixed; boundary=b\r\n"

static const struct {
	const char *name, *in;
	size_t len;
	const char *want;
	size_t want_len;
} cases[] = {
	{ "nothing", S(""), S("") },
	{ "no MIME at all", S("A: b\r\n\r\nx\0\n\ry"),
	    S("A: b\r\n\r\nx\0\n\ry") },
	{ "no header", S("hello\r\n"), S("hello\r\n") },
	{ "all of it, and MIME-Version", S(OCTETS BIN "\r\n\0\r\n\xff\n\r"),
	    S(OCTETS "MIME-Version: 1.0\r\n" B64 "\r\nAA0K/woN\r\n") },
	{ "the label first", S(BIN "MIME-Version: 1.0\r\n" OCTETS "\r\na\0b"),
	    S("MIME-Version: 1.0\r\n" OCTETS B64 "\r\nYQBi\r\n") },
	{ "two labels: the first counts, and there is one after it",
	    S("MIME-Version: 1.0\r\n" BIN CTE "8bit\r\n\r\na"),
	    S("MIME-Version: 1.0\r\n" B64 "\r\nYQ==\r\n") },
	{ "another label first: hands off",
	    S("MIME-Version: 1.0\r\n" CTE "8bit\r\n" BIN "\r\na\0"),
	    S("MIME-Version: 1.0\r\n" CTE "8bit\r\n" BIN "\r\na\0") },
	{ "a label with a comment and folds",
	    S("mime-version: 1.0\r\ncontent-transfer-encoding:\r\n (x) "
	      "BINARY (y)\r\n\r\na"),
	    S("mime-version: 1.0\r\n" B64 "\r\nYQ==\r\n") },
	{ "no line end after the last field",
	    S("MIME-Version: 1.0\r\n" BIN "A: b"),
	    S("MIME-Version: 1.0\r\nA: b\r\n" B64 "\r\n") },
	{ "no body", S("MIME-Version: 1.0\r\n" BIN),
	    S("MIME-Version: 1.0\r\n" B64 "\r\n") },
	{ "no empty line ahead of the body",
	    S("MIME-Version: 1.0\r\n" BIN "no field\r\n"),
	    S("MIME-Version: 1.0\r\n" B64 "\r\nbm8gZmllbGQNCg==\r\n") },
	{ "a whole line of base64",
	    S("MIME-Version: 1.0\r\n" BIN
	      "\r\n012345678901234567890123456789012345678901234567890123456"),
	    S("MIME-Version: 1.0\r\n" B64
	      "\r\nMDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
	      "NTY3ODkwMTIzNDU2\r\n") },
	{ "a part",
	    S(MIXED BIN "\r\npre\r\n--b\r\n\r\ntext\r\n--b\r\n" OCTETS BIN
			"\r\n\0\r\n--b--\r\nepi\r\n"),
	    S(MIXED CTE
		"8bit\r\n\r\npre\r\n--b\r\n\r\ntext\r\n--b\r\n" OCTETS B64
		"\r\nAA==\r\n--b--\r\nepi\r\n") },
	{ "a part that ends in line ends",
	    S(MIXED "\r\n--b\r\n" BIN "\r\na\r\n\r\n\r\n--b--"),
	    S(MIXED "\r\n--b\r\n" B64 "\r\nYQ0KDQo=\r\n--b--") },
	{ "an empty part", S(MIXED "\r\n--b\r\n" BIN "\r\n\r\n--b--\r\n"),
	    S(MIXED "\r\n--b\r\n" B64 "\r\n\r\n--b--\r\n") },
	{ "a part of its header alone",
	    S(MIXED "\r\n--b\r\n" BIN "\r\n--b--\r\n"),
	    S(MIXED "\r\n--b\r\n" B64 "\r\n--b--\r\n") },
	{ "a part that no delimiter ends", S(MIXED "\r\n--b\r\n" BIN "\r\na"),
	    S(MIXED "\r\n--b\r\n" B64 "\r\nYQ==\r\n") },
	{ "bare line ends make no delimiter",
	    S(MIXED "\r\n--b\r\n" BIN "\r\n\n--b\r\n\r--b\r\n\r\n--b\n\r\n--b--"
		    "\r\n"),
	    S(MIXED "\r\n--b\r\n" B64 "\r\nCi0tYg0KDS0tYg0KDQotLWIK\r\n--b--"
		    "\r\n") },
	{ "what only looks like a delimiter",
	    S(MIXED "\r\n--b\r\n" BIN "\r\n--bb\r\n-\r\n--\r\n --b\r\n--b--"),
	    S(MIXED "\r\n--b\r\n" B64 "\r\nLS1iYg0KLQ0KLS0NCiAtLWI="
		    "\r\n--b--") },
	{ "a message in it: its parts are looked at",
	    S(MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n" BIN
		    "\r\nA: b\r\n" BIN "\r\n\0\r\n--b--\r\n"),
	    S(MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n" CTE
		    "8bit\r\n\r\nA: b\r\nMIME-Version: 1.0\r\n" B64
		    "\r\nAA==\r\n--b--\r\n") },
	{ "boundaries that begin alike",
	    S(MIXED "\r\n--b\r\nContent-Type: multipart/x; boundary=bb\r\n" BIN
		    "\r\n--bb\r\n" BIN "\r\n\0\r\n--bb--\r\n--b\r\n" BIN
		    "\r\n\1\r\n--b--"),
	    S(MIXED "\r\n--b\r\nContent-Type: multipart/x; boundary=bb\r\n" CTE
		    "8bit\r\n\r\n--bb\r\n" B64
		    "\r\nAA==\r\n--bb--\r\n--b\r\n" B64 "\r\nAQ==\r\n--b--") },
	{ "an outer delimiter ends what an inner one forgot",
	    S(MIXED "\r\n--b\r\nContent-Type: multipart/x; boundary=c\r\n"
		    "\r\n--c\r\n" BIN "\r\n\0\r\n--b\r\n\r\nx\r\n--b--"),
	    S(MIXED "\r\n--b\r\nContent-Type: multipart/x; boundary=c\r\n"
		    "\r\n--c\r\n" B64 "\r\nAA==\r\n--b\r\n\r\nx\r\n--b--") },
	{ "no boundary: it can only be lines",
	    S("MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n" BIN
	      "\r\n--b\r\n"),
	    S("MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n" CTE
	      "8bit\r\n\r\n--b\r\n") },
	{ "a part of a message is never encoded",
	    S("MIME-Version: 1.0\r\nContent-Type: message/partial; "
	      "number=1\r\n" BIN "\r\nx\0\r\n"),
	    S("MIME-Version: 1.0\r\nContent-Type: message/partial; "
	      "number=1\r\n" CTE "8bit\r\n\r\nx\0\r\n") },
	{ "what is signed may be in a multipart that says binary",
	    S("MIME-Version: 1.0\r\n" BIN
	      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n"
	      "x\r\n--b--\r\n"),
	    S("MIME-Version: 1.0\r\n"
	      "Content-Type: multipart/signed; boundary=b\r\n" CTE
	      "8bit\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n") },
};

struct result {
	char *data;
	size_t len;
	enum smtp_reply refusal;
};

static struct binary binary;

static void
drain(struct result *r)
{
	const char *text;
	size_t len;

	while (binary_next(&binary, &text, &len)) {
		char *data = realloc(r->data, r->len + len);
		if (data == NULL) {
			abort();
		}
		memcpy(data + r->len, text, len);
		r->data = data;
		r->len += len;
	}
}

/* Converts it in two pieces, and the second one in steps. */
static struct result
convert(const char *in, size_t len, size_t cut, size_t step)
{
	struct result r = { 0 };

	binary_begin(&binary);
	binary_feed(&binary, in, cut);
	drain(&r);
	for (size_t at = cut; at < len; at += step) {
		binary_feed(
		    &binary, in + at, len - at < step ? len - at : step);
		drain(&r);
	}
	binary_finish(&binary);
	drain(&r);
	r.refusal = binary.refusal;
	return r;
}

static void
test_case(size_t i)
{
	bool good = true;

	for (size_t cut = 0; cut <= cases[i].len && good; cut++) {
		for (size_t step = 1; step < 1000 && good; step = step * 8) {
			struct result r =
			    convert(cases[i].in, cases[i].len, cut, step);
			good = r.refusal == REPLY_NONE &&
			       r.len == cases[i].want_len &&
			       memcmp(r.data == NULL ? "" : r.data,
				   cases[i].want, r.len) == 0;
			if (!good) {
				note("cut %zu, step %zu, %zu octets: %.*s", cut,
				    step, r.len, (int)r.len, r.data);
			}
			free(r.data);
		}
	}
	ok(good, "%s", cases[i].name);
}

/* A text so many times, then another one. */
static struct result
repeat(const char *head, const char *text, size_t times, const char *tail)
{
	size_t len = strlen(head) + strlen(text) * times + strlen(tail);
	char *all = malloc(len + 1), *p = all;

	if (all == NULL) {
		abort();
	}
	p = stpcpy(p, head);
	for (size_t i = 0; i < times; i++) {
		p = stpcpy(p, text);
	}
	stpcpy(p, tail);
	struct result r = convert(all, len, 0, 5000);
	free(all);
	return r;
}

static void
test_refusal(const char *name, struct result r, enum smtp_reply refusal)
{
	ok(r.refusal == refusal, "%s", name);
	free(r.data);
}

static void
test_refusals(void)
{
	static const char parts[] = MIXED "\r\n";
	static const char nest[] =
	    "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n";
	static const char inner[] = "Content-Type: message/rfc822\r\n\r\n";
	static const char tail[] = BIN "\r\na\r\n--b--\r\n";

	test_refusal("what is signed cannot be changed",
	    repeat("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n",
		"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n", 1,
		tail),
	    REPLY_BINARY_SIGNED);
	test_refusal(
	    "32 in each other", repeat("", nest, 32, tail), REPLY_NONE);
	test_refusal(
	    "33 in each other", repeat("", nest, 33, tail), REPLY_BINARY_DEEP);
	test_refusal(
	    "33 messages", repeat("", inner, 33, tail), REPLY_BINARY_DEEP);
	test_refusal("9999 parts", repeat(parts, "--b\r\n\r\n\r\n", 9999, tail),
	    REPLY_NONE);
	test_refusal("10000 parts",
	    repeat(parts, "--b\r\n\r\n\r\n", 10000, tail), REPLY_BINARY_DEEP);
	test_refusal("a boundary of 71 octets",
	    repeat("Content-Type: multipart/x; boundary=", "b", 71, "\r\n\r\n"),
	    REPLY_BINARY_DEEP);
	test_refusal("a type that is endless",
	    repeat("Content-Type: multipart/x;", " a=b;\r\n", 20000,
		" boundary=b\r\n\r\n"),
	    REPLY_BINARY_FIELD);
	test_refusal("another field that is endless",
	    repeat("Subject:", " a=b;\r\n", 20000, " boundary=b\r\n\r\n"),
	    REPLY_NONE);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case(i);
	}
	test_refusals();
	return tap_done();
}
