/* SPDX-License-Identifier: ISC */
/* Dates of header fields. */
#include "common/text/date.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Years have four digits: an offset must not lead out of them. */
#define YEAR_0 INT64_C(-62167219200)
#define YEAR_10000 INT64_C(253402300800)

void
date_text(time_t when, char text[DATE_SIZE])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { .tm_mday = 1 };

	localtime_r(&when, &tm);
	long zone = tm.tm_gmtoff / 60;
	snprintf(text, DATE_SIZE,
	    "%.3s, %d %.3s %d %02d:%02d:%02d %c%02ld%02ld",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    zone < 0 ? '-' : '+', labs(zone) / 60, labs(zone) % 60);
}

void
date_stamp(time_t when, char text[DATE_SIZE])
{
	struct tm tm = { .tm_mday = 1 };

	gmtime_r(&when, &tm);
	snprintf(text, DATE_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
}

/* ---- date-time of RFC 3339 section 5.6 ---- */

/* True if text has the form, where 0 stands for a digit and T for itself. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++) {
		if (*form == '0'   ? *text < '0' || *text > '9'
		    : *form == 'T' ? *text != 'T' && *text != 't'
				   : *text != *form) {
			return false;
		}
	}
	return true;
}

static int
two(const char *digits)
{
	return (digits[0] - '0') * 10 + (digits[1] - '0');
}

/* "Z", or "+hh:mm" and no more; seconds to the east. */
static bool
read_offset(const char *text, long *offset)
{
	*offset = 0;
	if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
		return true;
	}
	if ((text[0] != '+' && text[0] != '-') ||
	    !has_form(text + 1, "00:00") || text[6] != '\0' ||
	    two(text + 1) > 23 || two(text + 4) > 59) {
		return false;
	}
	*offset = two(text + 1) * 3600L + two(text + 4) * 60L;
	*offset = text[0] == '-' ? -*offset : *offset;
	return true;
}

bool
date_read(const char *text, size_t len, time_t *when)
{
	char copy[DATE_SIZE];
	long offset;

	if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL) {
		return false;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!has_form(copy, "0000-00-00T00:00:00")) {
		return false;
	}
	const char *rest = copy + strlen("0000-00-00T00:00:00");
	if (*rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");
		if (digits == 0) {
			return false;
		}
		rest += 1 + digits;
	}
	struct tm tm = { .tm_year = two(copy) * 100 + two(copy + 2) - 1900,
		.tm_mon = two(copy + 5) - 1,
		.tm_mday = two(copy + 8),
		.tm_hour = two(copy + 11),
		.tm_min = two(copy + 14),
		.tm_sec = two(copy + 17) };
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60 || !read_offset(rest, &offset)) {
		return false;
	}
	/* A day that the month does not have: then it becomes another one. */
	struct tm day = { .tm_year = tm.tm_year,
		.tm_mon = tm.tm_mon,
		.tm_mday = tm.tm_mday };
	(void)timegm(&day);
	*when = timegm(&tm) - offset;
	return day.tm_mday == two(copy + 8) && *when >= YEAR_0 &&
	       *when < YEAR_10000;
}
