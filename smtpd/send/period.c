/* SPDX-License-Identifier: ISC */
/* Periods as people write them: pure. */
#include "smtpd/send/period.h"

static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 60 * 60;
	case 'd':
		return 24 * 60 * 60;
	default:
		return 0;
	}
}

bool
period_parse(const char *text, int64_t *seconds)
{
	int64_t sum = 0;

	while (*text != '\0') {
		int64_t number = 0;
		if (*text < '0' || *text > '9') {
			return false;
		}
		for (; *text >= '0' && *text <= '9'; text++) {
			number = number * 10 + (*text - '0');
			if (number > PERIOD_MAX) {
				return false;
			}
		}
		int64_t unit = unit_seconds(*text);
		if (unit == 0) {
			return false;
		}
		sum += number * unit;
		if (sum > PERIOD_MAX) {
			return false;
		}
		text++;
	}
	*seconds = sum;
	return sum > 0;
}
