/* SPDX-License-Identifier: ISC */
/*
 * DEFLATE, gzip and zip.  Guards against codes that no packer writes, which
 * lead unpackers out of their tables; what zlib writes is in t_dmarc_reports.
 */
#include "common/text/inflate.h"

#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *name;
	size_t len;
	uint8_t in[24];
	enum inflate_result result;
	const char *out;
} cases[] = {
	{ "a stored block", 8, { 1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c' },
	    INFLATE_OK, "abc" },
	{ "an empty one", 5, { 1, 0, 0, 0xff, 0xff }, INFLATE_OK, "" },
	{ "its length twice, not the same", 8,
	    { 1, 3, 0, 0xfd, 0xff, 'a', 'b', 'c' }, INFLATE_DAMAGED, "" },
	{ "longer than what is there", 7, { 1, 3, 0, 0xfc, 0xff, 'a', 'b' },
	    INFLATE_DAMAGED, "" },
	{ "not the last one", 8, { 0, 3, 0, 0xfc, 0xff, 'a', 'b', 'c' },
	    INFLATE_DAMAGED, "abc" },
	{ "fixed codes", 10,
	    { 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0 },
	    INFLATE_OK, "hello hello hello" },
	{ "cut", 9, { 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90 },
	    INFLATE_DAMAGED, "hello hello hello" },
	{ "a distance before the start", 4, { 0x4b, 0x04, 0x22, 0 },
	    INFLATE_DAMAGED, "a" },
	{ "a third kind of block", 2, { 7, 0 }, INFLATE_DAMAGED, "" },
	{ "nothing", 0, { 0 }, INFLATE_DAMAGED, "" },
	{ "too many codes", 24,
	    { 0x05, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	    INFLATE_DAMAGED, "" },
	{ "no codes at all", 24, { 0x05, 0, 0, 0 }, INFLATE_DAMAGED, "" },
};

static void
test_raw(void)
{
	uint8_t out[64];
	size_t n, used;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum inflate_result result = inflate_raw(
		    cases[i].in, cases[i].len, out, sizeof(out), &n, &used);
		ok(result == cases[i].result && n == strlen(cases[i].out) &&
			memcmp(out, cases[i].out, n) == 0 &&
			used <= cases[i].len,
		    "%s", cases[i].name);
	}
	for (size_t room = 0; room < 17; room++) {
		ok(inflate_raw(cases[5].in, cases[5].len, out, room, &n,
		       NULL) == INFLATE_LARGE &&
			n == room && memcmp(out, cases[5].out, n) == 0,
		    "room for %zu octets", room);
	}
	ok(inflate_raw(cases[0].in, cases[0].len, out, 2, &n, NULL) ==
		    INFLATE_LARGE &&
		n == 2,
	    "a stored block that is too large");
	ok(inflate_raw(cases[5].in, sizeof(cases[5].in), out, sizeof(out), &n,
	       &used) == INFLATE_OK &&
		used == cases[5].len,
	    "what follows is left");
}

static void
test_archives(void)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1,
		3, 0, 0xfc, 0xff, 'a', 'b', 'c', 0xc2, 0x41, 0x24, 0x35, 3, 0,
		0, 0 };
	uint8_t copy[sizeof(gzip) + 8], out[16];
	size_t n;

	ok(inflate_crc((const uint8_t *)"abc", 3) == 0x352441c2, "the sum");
	ok(inflate_gzip(gzip, sizeof(gzip), out, sizeof(out), &n) ==
		    INFLATE_OK &&
		n == 3,
	    "gzip");
	for (size_t len = 0; len < sizeof(gzip); len++) {
		ok(inflate_gzip(gzip, len, out, sizeof(out), &n) ==
			INFLATE_DAMAGED,
		    "cut after %zu octets", len);
	}
	/* Name, comment, more, and a sum of the header: the flags alone. */
	memcpy(copy, gzip, sizeof(gzip));
	for (unsigned flag = 2; flag < 256; flag <<= 1) {
		copy[3] = (uint8_t)flag;
		ok(inflate_gzip(copy, sizeof(gzip), out, sizeof(out), &n) ==
			INFLATE_DAMAGED,
		    "a flag %u that says more than there is", flag);
	}
	ok(inflate_zip(gzip, sizeof(gzip), 0, out, sizeof(out), &n) ==
		INFLATE_DAMAGED,
	    "no zip");
}

int
main(void)
{
	test_raw();
	test_archives();
	return tap_done();
}
