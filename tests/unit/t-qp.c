/* SPDX-License-Identifier: ISC */
/*
 * The transfer encodings, in both directions and in pieces, and the choice
 * between them: an attachment must come out as it went in.
 */
#include "common/mime/qp.h"
#include "common/text/base64.h"
#include "common/text/transfer.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	bool binary;
	const char *text, *code;
} encoded[] = {
	{ false, "", "" },
	{ false, "plain\n", "plain\r\n" },
	{ false, "a=b\n", "a=3Db\r\n" },
	{ false, "caf\303\251\r\n", "caf=C3=A9\r\n" },
	{ false, "end \nof\t\n", "end=20\r\nof=09\r\n" },
	{ false, "a b \r\n", "a b=20\r\n" },
	{ false, "a\rb", "a=0Db" },
	{ false, "a\r", "a=0D" },
	{ false, "a ", "a=20" },
	{ false, ".\n..\nx.\n", "=2E\r\n=2E.\r\nx.\r\n" },
	{ false, "From me\nFrom\n", "From=20me\r\nFrom\r\n" },
	{ true, "a\r\nb\n", "a=0D=0Ab=0A" },
	{ true, " \t", " =09" },
};

static const struct {
	const char *code, *text;
	bool bad;
} decoded[] = {
	{ "a=3Db", "a=b", false },
	{ "a=3db", "a=b", true },
	{ "a=\r\nb=\nc", "abc", false },
	{ "a= \t\r\nb", "ab", true },
	{ "a \t\r\nb \nc ", "a\r\nb\nc", true },
	{ "a b", "a b", false },
	{ "a=Zb=4", "a=Zb=4", true },
	{ "a==3D", "a==", true },
	{ "a=\rb", "a=\rb", true },
	{ "a=", "a", true },
	{ "a\001", "a\001", true },
	{ "a\rb \r c", "a\rb \r c", true },
	{ "\303\251", "\303\251", true },
};

static const struct {
	const char *code, *text;
	bool bad;
} base64[] = {
	{ "", "", false },
	{ "YWJj", "abc", false },
	{ "YW\r\nJj\n", "abc", false },
	{ "YWI=", "ab", false },
	{ "YQ==", "a", false },
	{ "YQ", "a", true },
	{ "YWI", "ab", true },
	{ "Y", "", true },
	{ "Y!W*Jj", "abc", true },
	{ "YQ==YQ==", "a", true },
	{ "YQ=YQ", "a\006\020", true },
	{ "=YWJj", "abc", true },
	{ "YR==", "a", true },
	{ "YWI==", "ab", true },
};

/* One octet at a time. */
static size_t
decode_slowly(const char *code, char *out, bool *bad, bool qp)
{
	struct qp_decoder q = { 0 };
	struct base64_decoder b = { 0 };
	size_t n = 0, some;

	for (; *code != '\0'; code++) {
		size_t used =
		    qp ? qp_decode(&q, code, 1, out + n, QP_ROOM, &some)
		       : base64_decode_lines(
			     &b, code, 1, out + n, BASE64_ROOM, &some);
		n += some;
		*bad = used != 1;
	}
	n += qp ? qp_decode_end(&q, out + n) : base64_decode_end(&b, out + n);
	*bad = q.bad || b.bad;
	return n;
}

static void
test_encode(void)
{
	char out[512];
	size_t n;

	for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
		struct qp_encoder e = { .binary = encoded[i].binary,
			.crlf = true };
		size_t len = strlen(encoded[i].text);
		ok(qp_encode(&e, encoded[i].text, len, out, sizeof(out), &n) ==
			len,
		    "all of it is taken");
		n += qp_encode_end(&e, out + n);
		ok(n == strlen(encoded[i].code) &&
			memcmp(out, encoded[i].code, n) == 0,
		    "quoted-printable: case %zu", i);
	}
}

static void
test_decode(void)
{
	char out[512];
	bool bad = false;

	for (size_t i = 0; i < sizeof(decoded) / sizeof(decoded[0]); i++) {
		size_t n = decode_slowly(decoded[i].code, out, &bad, true);
		out[n] = '\0';
		if (!ok(strcmp(out, decoded[i].text) == 0 &&
			    bad == decoded[i].bad,
			"read quoted-printable: case %zu", i)) {
			note("%zu octets, %d", n, bad);
		}
	}
	for (size_t i = 0; i < sizeof(base64) / sizeof(base64[0]); i++) {
		size_t n = decode_slowly(base64[i].code, out, &bad, false);
		if (!ok(n == strlen(base64[i].text) &&
			    memcmp(out, base64[i].text, n) == 0 &&
			    bad == base64[i].bad,
			"read base64: case %zu", i)) {
			note("%zu octets, %d", n, bad);
		}
	}
}

static void
test_lines(void)
{
	unsigned char data[1000];
	char code[2000], back[1200];
	size_t n, m;

	for (size_t len = 0; len < sizeof(data); len++) {
		struct base64_encoder e = { .crlf = false };
		struct base64_decoder d = { 0 };
		data[len] = (unsigned char)(len * 37);
		base64_encode_lines(&e, data, len, code, sizeof(code), &n);
		n += base64_encode_end(&e, code + n);
		base64_decode_lines(&d, code, n, back, sizeof(back), &m);
		m += base64_decode_end(&d, back + m);
		bool lines = n == 0 || (code[n - 1] == '\n' &&
					   (n < 78 || code[76] == '\n'));
		if (m != len || memcmp(back, data, len) != 0 || d.bad ||
		    !lines) {
			ok(false, "base64 of %zu octets", len);
			return;
		}
	}
	ok(true, "base64 of up to 1000 octets, in lines of 76");
}

static void
test_choice(void)
{
	static const struct {
		const char *data;
		bool text, eight_bit;
		enum transfer best;
		const char *charset;
	} cases[] = {
		{ "", true, false, TRANSFER_7BIT, "us-ascii" },
		{ "a\r\nb\n", true, false, TRANSFER_7BIT, "us-ascii" },
		{ "a\r\nb\n", false, false, TRANSFER_QP, "us-ascii" },
		{ "caf\303\251 au lait\n", true, true, TRANSFER_8BIT, "utf-8" },
		{ "caf\303\251 au lait\n", true, false, TRANSFER_QP, "utf-8" },
		{ "caf\351\n", true, true, TRANSFER_8BIT, "unknown-8bit" },
		{ "caf\303", true, true, TRANSFER_8BIT, "unknown-8bit" },
		{ "a\rb", true, true, TRANSFER_QP, "us-ascii" },
		{ "a\r", true, true, TRANSFER_QP, "us-ascii" },
	};
	struct transfer_count t;
	char line[1200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&t, 0, sizeof(t));
		for (const char *p = cases[i].data; *p != '\0'; p++) {
			transfer_count(&t, p, 1);
		}
		transfer_count_end(&t);
		ok(transfer_best(&t, cases[i].text, cases[i].eight_bit) ==
			    cases[i].best &&
			strcmp(transfer_charset(&t), cases[i].charset) == 0,
		    "the best: case %zu", i);
	}
	for (size_t len = 998; len < 1000; len++) {
		memset(line, 'x', sizeof(line));
		memset(&t, 0, sizeof(t));
		memcpy(line + len, "\r\n", 2);
		transfer_count(&t, line, len + 2);
		transfer_count_end(&t);
		ok(t.longest == len && t.crlf == 1 && t.bare_cr == 0 &&
			transfer_best(&t, true, true) ==
			    (len > 998 ? TRANSFER_QP : TRANSFER_7BIT),
		    "a line of %zu octets", len);
	}
	memset(line, '\377', sizeof(line));
	memset(&t, 0, sizeof(t));
	transfer_count(&t, line, sizeof(line));
	transfer_count_end(&t);
	ok(transfer_best(&t, false, true) == TRANSFER_BASE64, "binary data");
}

static void
test_names(void)
{
	static const struct {
		const char *value;
		enum transfer transfer;
	} cases[] = {
		{ "7bit", TRANSFER_7BIT },
		{ " 8BIT ", TRANSFER_8BIT },
		{ "Quoted-Printable", TRANSFER_QP },
		{ "(c) base64 (d)", TRANSFER_BASE64 },
		{ "\r\n binary;", TRANSFER_BINARY },
		{ "", TRANSFER_7BIT },
		{ "x-uuencode", TRANSFER_OTHER },
		{ "X-Yencode", TRANSFER_OTHER },
		{ "uuencode", TRANSFER_OTHER },
		{ "base64x", TRANSFER_8BIT },
		{ "base-64", TRANSFER_8BIT },
		{ "quoted_printable", TRANSFER_8BIT },
		{ "QuotedPrintable", TRANSFER_8BIT },
		{ "quoted printable", TRANSFER_8BIT },
		{ "qp", TRANSFER_8BIT },
		{ "x", TRANSFER_8BIT },
		{ "x-8bit-zip", TRANSFER_OTHER },
		{ "8-bit", TRANSFER_8BIT },
		{ "7-Bit", TRANSFER_8BIT },
		{ "8bits", TRANSFER_8BIT },
		{ "8 bit", TRANSFER_8BIT },
		{ "\"8bit\"", TRANSFER_8BIT },
		{ "8bitmime", TRANSFER_8BIT },
		{ "utf-8", TRANSFER_8BIT },
		{ "UTF8", TRANSFER_8BIT },
		{ "iso-8859-1", TRANSFER_8BIT },
		{ "us-ascii", TRANSFER_8BIT },
		{ "none", TRANSFER_8BIT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(transfer_parse(cases[i].value, strlen(cases[i].value)) ==
			cases[i].transfer,
		    "name: case %zu", i);
	}
}

int
main(void)
{
	test_encode();
	test_decode();
	test_lines();
	test_choice();
	test_names();
	return tap_done();
}
