/* SPDX-License-Identifier: ISC */
/* smtpd --check: what its parts have found. */
#include "smtpd/admin/check_private.h"

#include "smtpd/admin/json.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 2 * PATH_MAX };

void
check_finding(struct check *c, enum finding how, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "error" };
	char text[TEXT];
	va_list ap;

	c->errors += how == FINDING_ERROR;
	c->warnings += how == FINDING_WARNING;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Some of it comes from the network, or was found in a file. */
	for (char *p = text; *p != '\0'; p++) {
		*p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
	}
	if (c->json) {
		printf("{\"finding\":\"%s\",\"text\":", words[how]);
		json_string(stdout, text);
		puts("}");
	} else {
		printf("%s: %s\n", words[how], text);
	}
}
