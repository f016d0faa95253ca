/* SPDX-License-Identifier: ISC */
/*
 * One target of an alias:
 *   target = "|" command / "/" path / ":include:" "/" path / "\" user
 *            / [ name ] "<" address ">" / address
 */
#include "smtpd/route/target.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " ");
}

/* The address alone, or in angle brackets after a name. */
static enum meaning
parse_address(const char *target, struct target_parsed *t)
{
	char text[ADDRESS_TEXT + 2];
	size_t n = strlen(target);
	const char *open = strrchr(target, '<'), *rest;

	if (open != NULL && target[n - 1] != '>') {
		return MEANS_NOTHING;
	}
	if (open != NULL) {
		n -= (size_t)(open - target);
		target = open;
	}
	if (strlcpy(text, target, sizeof(text)) >= sizeof(text)) {
		return MEANS_NOTHING;
	}
	bool bare = strchr(text, ' ') == NULL && text[0] != '@';
	return (bare || text[0] == '"') &&
	               address_path_utf8(text, &t->address, &rest) == PATH_OK &&
	               *rest == '\0' && !address_is_null(&t->address)
	           ? MEANS_ADDRESS
	           : MEANS_NOTHING;
}

enum meaning
target_parse(const char *target, struct target_parsed *t)
{
	static const char include[] = ":include:";

	memset(t, 0, sizeof(*t));
	if (target[0] == '|') {
		t->text = skip_blanks(target + 1);
		return t->text[0] != '\0' ? MEANS_PIPE : MEANS_NOTHING;
	}
	if (target[0] == '/') {
		t->text = target;
		return MEANS_FILE;
	}
	if (target[0] == '\\') {
		t->text = target + 1;
		return t->text[0] != '\0' ? MEANS_MAILBOX : MEANS_NOTHING;
	}
	if (strncasecmp(target, include, sizeof(include) - 1) == 0) {
		t->text = skip_blanks(target + sizeof(include) - 1);
		return t->text[0] == '/' ? MEANS_INCLUDE : MEANS_NOTHING;
	}
	return target[0] == ':' ? MEANS_NOTHING : parse_address(target, t);
}

unsigned
target_list_notify(unsigned notify)
{
	unsigned rest = notify & ~(unsigned)(NOTIFY_SUCCESS | NOTIFY_DELAY);

	/* An empty list of conditions would be the default. */
	return notify != 0 && rest == 0 ? NOTIFY_NEVER : rest;
}

void
target_orcpt(const char *address, char orcpt[MAIL_ORCPT + 1])
{
	static const char type[] = "rfc822;";
	size_t n = sizeof(type) - 1;

	memcpy(orcpt, type, sizeof(type));
	for (const char *p = address; *p != '\0'; p++) {
		bool plain = *p > ' ' && *p < 0x7f && *p != '+' && *p != '=';
		int k = snprintf(orcpt + n, MAIL_ORCPT + 1 - n,
		    plain ? "%c" : "+%02X", (unsigned char)*p);
		if (k < 0 || (size_t)k >= MAIL_ORCPT + 1 - n) {
			orcpt[0] = '\0';
			return;
		}
		n += (size_t)k;
	}
}
