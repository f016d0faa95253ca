/* SPDX-License-Identifier: ISC */
/* How a verdict is filled in. */
#include "smtpd/local/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
verdict_set(struct verdict *v, enum outcome_kind kind, const char *dsn,
    const char *fmt, ...)
{
	va_list ap;

	memset(v, 0, sizeof(*v));
	v->kind = kind;
	strlcpy(v->dsn, dsn, sizeof(v->dsn));
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}
