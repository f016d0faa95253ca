/* SPDX-License-Identifier: ISC */
/*
 * Times that clients say (RFC 3339): one that is read wrongly holds mail back
 * for years, or not at all.
 */
#include "common/text/date.h"

#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *text;
	bool good;
	time_t when;
} cases[] = {
	{ "1970-01-01T00:00:00Z", true, 0 },
	{ "2025-11-22T03:33:20Z", true, 1763782400 },
	{ "2025-11-22t03:33:20z", true, 1763782400 },
	{ "2025-11-22T03:33:20.999999Z", true, 1763782400 },
	{ "2025-11-22T03:33:20+00:00", true, 1763782400 },
	{ "2025-11-22T03:33:20-00:00", true, 1763782400 },
	{ "2025-11-22T09:03:20+05:30", true, 1763782400 },
	{ "2025-11-21T19:33:20-08:00", true, 1763782400 },
	{ "2024-02-29T00:00:00Z", true, 1709164800 },
	{ "2000-02-29T00:00:00Z", true, 951782400 },
	{ "2016-12-31T23:59:60Z", true, 1483228800 },
	{ "2106-02-07T06:28:16Z", true, 4294967296 },
	{ "9999-12-31T23:59:59Z", true, 253402300799 },
	{ "0001-01-01T00:00:00Z", true, -62135596800 },
	{ "0999-12-31T23:59:59Z", true, -30610224001 },
	{ "0000-01-01T00:00:00Z", true, -62167219200 },
	{ "0000-01-01T00:00:00+00:01", false, 0 },
	{ "9999-12-31T23:59:59-00:01", false, 0 },
	{ "2023-02-29T00:00:00Z", false, 0 },
	{ "2100-02-29T00:00:00Z", false, 0 },
	{ "2025-04-31T00:00:00Z", false, 0 },
	{ "2025-00-01T00:00:00Z", false, 0 },
	{ "2025-13-01T00:00:00Z", false, 0 },
	{ "2025-01-00T00:00:00Z", false, 0 },
	{ "2025-01-32T00:00:00Z", false, 0 },
	{ "2025-01-01T24:00:00Z", false, 0 },
	{ "2025-01-01T00:60:00Z", false, 0 },
	{ "2025-01-01T00:00:61Z", false, 0 },
	{ "2025-01-01T00:00:00", false, 0 },
	{ "2025-01-01T00:00:00.Z", false, 0 },
	{ "2025-01-01T00:00:00+0100", false, 0 },
	{ "2025-01-01T00:00:00+24:00", false, 0 },
	{ "2025-01-01T00:00:00+01:60", false, 0 },
	{ "2025-01-01T00:00:00Z0", false, 0 },
	{ "2025-01-01T00:00:00+01:000", false, 0 },
	{ "2025-01-01T00:00Z", false, 0 },
	{ "2025-1-1T00:00:00Z", false, 0 },
	{ "2025-01-01_00:00:00Z", false, 0 },
	{ "2025-01-01", false, 0 },
	{ "-025-01-01T00:00:00Z", false, 0 },
	{ "tomorrow", false, 0 },
	{ "", false, 0 },
	{ "2025-01-01T00:00:00."
	  "0000000000000000000000000000000000000000000000000000000000000Z",
	    false, 0 },
};

int
main(void)
{
	char text[DATE_SIZE];
	time_t when;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *p = cases[i].text;
		bool good = date_read(p, strlen(p), &when);
		ok(good == cases[i].good && (!good || when == cases[i].when),
		    "\"%.40s\"", p);
		date_stamp(cases[i].when, text);
		ok(date_read(text, strlen(text), &when) &&
			when == cases[i].when,
		    "%s reads as it was written", text);
	}
	for (time_t t = 0; t < 4000000000; t += 12345678) {
		date_stamp(t, text);
		if (!date_read(text, strlen(text), &when) || when != t) {
			ok(false, "%s", text);
		}
	}
	ok(!date_read("2025-01-01T00:00:00Z", 19, &when), "no more than given");
	ok(!date_read("2025-01-01T00:00:00Z\0", 21, &when), "a NUL");
	return tap_done();
}
