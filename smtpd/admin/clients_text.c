/* SPDX-License-Identifier: ISC */
/* Text in XML, for --clients. */
#include "smtpd/admin/clients_private.h"

#include <stdio.h>

void
clients_text(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", stdout);
			break;
		case '<':
			fputs("&lt;", stdout);
			break;
		case '>':
			fputs("&gt;", stdout);
			break;
		case '"':
			fputs("&quot;", stdout);
			break;
		case '\'':
			fputs("&apos;", stdout);
			break;
		default:
			putchar(*c);
		}
	}
}
