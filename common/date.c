/* SPDX-License-Identifier: ISC */
/* Dates of header fields. */
#include "common/date.h"

#include <stdio.h>
#include <stdlib.h>

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
