/* SPDX-License-Identifier: ISC */
/* --check: what its parts have found. */
#include "spool/check/check.h"

#include "common/io/json.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 2 * PATH_MAX };

void
check_finding(struct check *c, enum finding how, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "warning",
		"error" };
	char text[TEXT];
	va_list ap;

	c->errors += how == FINDING_ERROR;
	c->warnings += how == FINDING_WARNING || how == FINDING_UNKNOWN;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Some of it comes from the network, or was found in a file. */
	for (char *p = text; *p != '\0'; p++) {
		*p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
	}
	if (c->tell != NULL) {
		c->tell(c->context, how, text);
	} else if (c->json) {
		printf("{\"finding\":\"%s\",\"text\":", words[how]);
		json_string(stdout, text);
		puts("}");
	} else {
		printf("%s: %s\n", words[how], text);
	}
}

int
check_end(const struct check *c)
{
	if (!c->json) {
		printf("%u errors, %u warnings\n", c->errors, c->warnings);
	}
	return c->errors > 0 ? 1 : 0;
}

void
check_configuration(struct check *c)
{
	check_finding(c, FINDING_OK, "configuration %s",
	    c->config->file[0] != '\0' ? c->config->file
				       : "by default (there is no file)");
}
