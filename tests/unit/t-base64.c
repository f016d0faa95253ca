/* SPDX-License-Identifier: ISC */
/*
 * Base64: a decoder that takes what RFC 4648 forbids lets two texts stand for
 * one credential; one that misjudges its buffer writes past it.
 */
#include "common/text/base64.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

/* The vectors of RFC 4648 section 10, and some that end in other bits. */
static const struct {
	const char *plain;
	size_t len;
	const char *coded;
} vectors[] = {
	{ "", 0, "" },
	{ "f", 1, "Zg==" },
	{ "fo", 2, "Zm8=" },
	{ "foo", 3, "Zm9v" },
	{ "foob", 4, "Zm9vYg==" },
	{ "fooba", 5, "Zm9vYmE=" },
	{ "foobar", 6, "Zm9vYmFy" },
	{ "\0", 1, "AA==" },
	{ "\0\0\0", 3, "AAAA" },
	{ "\377", 1, "/w==" },
	{ "\377\377", 2, "//8=" },
	{ "\377\377\377", 3, "////" },
	{ "\373\357\276", 3, "++++" },
	{ "\0tim\0tanstaaftanstaaf", 21, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm" },
};

static const struct {
	const char *name, *text;
	size_t len;
} malformed[] = {
	{ "one character", "Z", 1 },
	{ "two characters", "Zg", 2 },
	{ "three characters", "Zg=", 3 },
	{ "five characters", "Zm9vY", 5 },
	{ "a missing pad", "Zm8", 3 },
	{ "a pad too many", "Zm9v=", 5 },
	{ "a group of pads", "====", 4 },
	{ "a group of pads after a group", "Zm9v====", 8 },
	{ "three pads", "Z===", 4 },
	{ "a pad in the middle of a group", "Z=g=", 4 },
	{ "a pad before a digit", "Zg=v", 4 },
	{ "a pad in an early group", "Zg==Zm9v", 8 },
	{ "one pad in an early group", "Zm8=Zm9v", 8 },
	{ "a pad at the start", "=m9v", 4 },
	{ "a blank in front", " Zm9v", 5 },
	{ "a blank in place of a digit", "Zm v", 4 },
	{ "a blank after it", "Zm9v ", 5 },
	{ "four blanks", "    ", 4 },
	{ "a tab", "Zm\tv", 4 },
	{ "CR", "Zm9v\r\r\r\r", 8 },
	{ "LF", "Zm\n9", 4 },
	{ "CRLF after it", "Zm9v\r\n", 6 },
	{ "NUL", "Zm\0v", 4 },
	{ "NUL in place of a pad", "Zg=\0", 4 },
	{ "a minus of the URL alphabet", "Zm-v", 4 },
	{ "an underscore of the URL alphabet", "Zm_v", 4 },
	{ "an asterisk", "*m9v", 4 },
	{ "8-bit", "Zm\3119", 4 },
	{ "8-bit that is a digit without its top bit", "\332m9v", 4 },
	{ "a set bit after one octet", "Zh==", 4 },
	{ "all bits set after one octet", "Z/==", 4 },
	{ "a set bit after two octets", "Zm9=", 4 },
	{ "both bits set after two octets", "Zm/=", 4 },
	{ "a set bit in the last group", "Zm9vZh==", 8 },
};

static void
test_vectors(void)
{
	char text[64], plain[64];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t n = strlen(vectors[i].coded);
		ssize_t len = base64_encode(
		    vectors[i].plain, vectors[i].len, text, sizeof(text));
		ok(len == (ssize_t)n && strcmp(text, vectors[i].coded) == 0,
		    "encode gives \"%s\"", vectors[i].coded);
		len = base64_decode(vectors[i].coded, n, plain, sizeof(plain));
		ok(len == (ssize_t)vectors[i].len &&
			memcmp(plain, vectors[i].plain, vectors[i].len) == 0,
		    "decode \"%s\"", vectors[i].coded);
	}
}

static void
test_malformed(void)
{
	char plain[64];

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		ok(base64_decode(malformed[i].text, malformed[i].len, plain,
		       sizeof(plain)) == -1,
		    "malformed: %s", malformed[i].name);
	}
}

/* True if n octets survive, in buffers of just their size and no larger. */
static bool
round_trip(size_t n)
{
	unsigned char *plain = malloc(n + 1), *back = malloc(n + 1);
	char *text = malloc(BASE64_SIZE(n));
	size_t coded = (n + 2) / 3 * 4;

	for (size_t i = 0; i < n; i++) {
		plain[i] = (unsigned char)random_below(256);
	}
	/* One less than needed: neither may write there. */
	bool good = base64_encode(plain, n, text, coded) == -1 &&
	            base64_encode(plain, n, text, coded + 1) == (ssize_t)coded;
	good = good && strlen(text) == coded;
	back[n] = 0x5a;
	good =
	    good && (n == 0 || base64_decode(text, coded, back, n - 1) == -1);
	good = good && base64_decode(text, coded, back, n) == (ssize_t)n &&
	       memcmp(plain, back, n) == 0 && back[n] == 0x5a;
	free(plain);
	free(back);
	free(text);
	return good;
}

static void
test_lengths(void)
{
	for (size_t n = 0; n <= 300; n++) {
		ok(round_trip(n), "round trip of %zu octets", n);
	}
}

/* Each character at each place: the 64 digits and no other. */
static void
test_alphabet(void)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned wrong = 0;

	for (int c = 0; c < 256; c++) {
		for (size_t place = 0; place < 4; place++) {
			char text[4] = { 'A', 'A', 'A', 'A' }, out[3];
			text[place] = (char)c;
			bool digit = c != 0 && strchr(digits, c) != NULL;
			bool pad = c == '=' && place == 3;
			ssize_t n = base64_decode(text, 4, out, sizeof(out));
			wrong += (n == 3) != digit || (n == 2) != pad;
		}
	}
	ok(wrong == 0, "64 characters are digits at each place, no other");
}

/* In front of pads, the bits that stand for nothing must be zero. */
static void
test_tails(void)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned wrong = 0;

	for (unsigned i = 0; i < 64; i++) {
		char one[4] = { 'A', digits[i], '=', '=' }, out[3];
		char two[4] = { 'A', 'A', digits[i], '=' };
		wrong +=
		    base64_decode(one, 4, out, 3) != (i % 16 == 0 ? 1 : -1);
		wrong += base64_decode(two, 4, out, 3) != (i % 4 == 0 ? 2 : -1);
	}
	ok(wrong == 0, "each digit in front of pads");
}

int
main(void)
{
	char c;

	test_vectors();
	test_malformed();
	test_lengths();
	test_alphabet();
	test_tails();
	ok(base64_encode("", 0, &c, 0) == -1, "no room even for NUL");
	ok(base64_encode("", SIZE_MAX, &c, 1) == -1, "a length that overflows");
	ok(base64_decode("", 0, NULL, 0) == 0, "nothing into nothing");
	return tap_done();
}
