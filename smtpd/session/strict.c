/* SPDX-License-Identifier: ISC */
/* Finds what sloppy clients write against the letter of the standard. */
#include "smtpd/session/strict.h"

#include "common/text/address.h"

#include <string.h>
#include <strings.h>

enum { LINE = 510 }; /* RFC 5321 section 4.5.3.1.4, without CR LF */

/* What follows the verb and one blank; NULL if it is another verb. */
static const char *
after(const char *line, const char *verb)
{
	size_t n = strlen(verb);

	return strncasecmp(line, verb, n) == 0 && line[n] == ' ' ? line + n + 1
	                                                         : NULL;
}

/* ---- HELO and EHLO (4.1.1.1) ---- */

/*
 * Groups of an IPv6 literal (4.1.3): "::" stands for two of the eight at least,
 * and a part with dots counts twice.
 */
static bool
is_strict_literal(const char *literal)
{
	const char *colons = strstr(literal, "::"), *p;
	size_t groups = 0;

	if (colons == NULL) {
		return true;
	}
	p = strchr(literal, ':') + 1; /* after the tag */
	for (; *p != ']' && *p != '\0'; p += strspn(p, ":")) {
		size_t n = strcspn(p, ":]");
		groups += n == 0 ? 0 : memchr(p, '.', n) != NULL ? 2 : 1;
		p += n;
	}
	return groups <= 6;
}

/* Sub-domains between dots, without underscores, or an address literal. */
static bool
is_strict_domain(const char *domain)
{
	size_t n = strlen(domain);

	return *domain == '[' ? is_strict_literal(domain)
	                      : strchr(domain, '_') == NULL && n > 0 &&
	                            domain[n - 1] != '.';
}

/* A domain with a dot in it, or an address literal. */
static bool
is_full_name(const char *name)
{
	return address_is_domain(name) && is_strict_domain(name) &&
	       (*name == '[' || strchr(name, '.') != NULL);
}

static enum smtp_reply
hello_fault(const char *name)
{
	return is_full_name(name) ? REPLY_NONE : REPLY_STRICT_NAME;
}

/* ---- MAIL and RCPT (4.1.1.2, 4.1.1.3) ---- */

/* Dot-string: atoms with single dots between them (4.1.2). */
static bool
is_dot_string(const char *local)
{
	return local[0] != '.' && local[0] != '\0' &&
	       local[strlen(local) - 1] != '.' && strstr(local, "..") == NULL;
}

static bool
is_strict_address(const struct address *a)
{
	if (address_is_null(a)) {
		return true;
	}
	return strlen(a->local) <= ADDRESS_LOCAL &&
	       (a->local[0] == '"' || is_dot_string(a->local)) &&
	       (a->domain[0] != '\0' ? is_strict_domain(a->domain)
				     : strcasecmp(a->local, "postmaster") == 0);
}

/* Checks what follows a path: nothing, or parameters after one blank each. */
static enum smtp_reply
params_fault(const char *rest, bool esmtp)
{
	if (*rest == '\0') {
		return REPLY_NONE;
	}
	if (!esmtp) {
		return REPLY_STRICT_PARAMS;
	}
	return strpbrk(rest, "\t") != NULL || strstr(rest, "  ") != NULL
	           ? REPLY_STRICT_PARAM_BLANK
	           : REPLY_NONE;
}

static enum smtp_reply
path_fault(const char *text, enum smtp_reply otherwise, bool esmtp)
{
	struct address a;
	const char *rest;

	if (address_path_utf8(text, &a, &rest) != PATH_OK) {
		return REPLY_NONE; /* the command says what is wrong */
	}
	/* The address has lost the dot at the end of its domain. */
	bool dot = rest - text > 2 && rest[-1] == '>' && rest[-2] == '.';
	return is_strict_address(&a) && !dot ? params_fault(rest, esmtp)
	                                     : otherwise;
}

enum smtp_reply
strict_fault(const char *line, bool esmtp)
{
	const char *rest;

	if (strncasecmp(line, "BDAT", 4) == 0) {
		return REPLY_NONE; /* it is followed by data, and strict */
	}
	if ((rest = after(line, "MAIL")) != NULL) {
		return strncasecmp(rest, "FROM:<", 6) != 0
		           ? REPLY_STRICT_MAIL
		           : path_fault(rest + 5, REPLY_STRICT_SENDER, esmtp);
	}
	if ((rest = after(line, "RCPT")) != NULL) {
		return strncasecmp(rest, "TO:<", 4) != 0
		           ? REPLY_STRICT_RCPT
		           : path_fault(
				 rest + 3, REPLY_STRICT_RECIPIENT, esmtp);
	}
	if (after(line, "AUTH") == NULL && strlen(line) > LINE) {
		return REPLY_LINE_LONG;
	}
	if ((rest = after(line, "EHLO")) != NULL ||
	    (rest = after(line, "HELO")) != NULL) {
		return hello_fault(rest);
	}
	return line[strcspn(line, " \t")] == '\t' || strstr(line, "  ") != NULL
	           ? REPLY_STRICT_BLANK
	           : REPLY_NONE;
}
