/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_TAP_H
#define RESTANTE_TESTS_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * The Test Anything Protocol.  A program calls ok() for each case, and ends
 * with return tap_done(): the plan, and its exit status.  What follows a
 * failure is printed by note().
 */

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool
ok(bool passed, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout); /* a crash, or a child, must not lose it or repeat it */
	tap_failed += !passed;
	return passed;
}

/* A diagnostic; the arguments must not hold line ends. */
__attribute__((format(printf, 1, 2))) static inline void
note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

static inline int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed == 0 ? 0 : 1;
}

#endif
