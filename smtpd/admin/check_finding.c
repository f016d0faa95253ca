/* SPDX-License-Identifier: ISC */
/* smtpd --check: what its parts have found. */
#include "smtpd/admin/check_private.h"

#include <stdarg.h>
#include <stdio.h>

void
check_finding(struct check *c, enum finding how, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "error" };
	va_list ap;

	c->errors += how == FINDING_ERROR;
	c->warnings += how == FINDING_WARNING;
	printf("%s: ", words[how]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}
