/* SPDX-License-Identifier: ISC */
/* Nothing of our own environment gets into that of a command. */
#include "smtpd/local/environment.h"

#include <stdio.h>
#include <string.h>

/* Adds NAME=value less control characters, some of which end a line. */
static void
add(struct environment *e, size_t *n, const char *name, const char *value)
{
	char *text = e->text[*n];
	int len = snprintf(text, ENVIRONMENT_TEXT, "%s=", name);
	size_t to = len < 0 ? 0 : (size_t)len;

	for (const char *p = value; *p != '\0' && to < ENVIRONMENT_TEXT - 1;
	     p++) {
		unsigned char c = (unsigned char)*p;
		if (c >= ' ' && c != 0x7f) {
			text[to++] = *p;
		}
	}
	text[to] = '\0';
	e->list[(*n)++] = text;
}

/* Cuts the extension out of an address. */
static void
extension(
    const char *recipient, const char *delimiters, char text[ENVIRONMENT_TEXT])
{
	const char *at = strrchr(recipient, '@');
	size_t local =
	    at == NULL ? strlen(recipient) : (size_t)(at - recipient);
	/* A name does not begin with what delimits it. */
	size_t n = local == 0 ? 0 : 1 + strcspn(recipient + 1, delimiters);

	text[0] = '\0';
	if (n + 1 < local && local - n < ENVIRONMENT_TEXT) {
		memcpy(text, recipient + n + 1, local - n - 1);
		text[local - n - 1] = '\0';
	}
}

void
environment_make(struct environment *e, const struct account *a,
    const char *sender, const char *recipient, const char *delimiters)
{
	char behind[ENVIRONMENT_TEXT];
	size_t n = 0;

	extension(recipient, delimiters, behind);
	add(e, &n, "PATH", "/usr/local/bin:/usr/bin:/bin");
	add(e, &n, "SHELL", "/bin/sh");
	add(e, &n, "LANG", "C");
	add(e, &n, "HOME", a->home);
	add(e, &n, "USER", a->name);
	add(e, &n, "LOGNAME", a->name);
	add(e, &n, "SENDER", sender);
	add(e, &n, "RECIPIENT", recipient);
	add(e, &n, "ORIGINAL_RECIPIENT", recipient);
	add(e, &n, "EXTENSION", behind);
	e->list[n] = NULL;
}
