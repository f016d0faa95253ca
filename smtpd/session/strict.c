/* SPDX-License-Identifier: ISC */
/* What sloppy clients say, and the letter of the standard does not allow. */
#include "smtpd/session/strict.h"

#include "common/text/address.h"

#include <string.h>
#include <strings.h>

enum { LINE = 510 }; /* RFC 5321 section 4.5.3.1.4, without CR LF */

/* Behind the verb and one blank; NULL: it is another verb. */
static const char *
behind(const char *line, const char *verb)
{
	size_t n = strlen(verb);

	return strncasecmp(line, verb, n) == 0 && line[n] == ' ' ? line + n + 1
	                                                         : NULL;
}

/* ---- HELO and EHLO (4.1.1.1) ---- */

/* Domain with a dot in it and no underscore, or an address literal. */
static bool
is_full_name(const char *name)
{
	return address_is_domain(name) &&
	       (*name == '[' ||
		   (strchr(name, '.') != NULL && strchr(name, '_') == NULL &&
		       name[strlen(name) - 1] != '.'));
}

static const char *
hello_fault(const char *name)
{
	return is_full_name(name)
	           ? NULL
	           : "501 5.5.2 Give a full domain name, such as "
	             "host.example.org, or an address in brackets";
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
	       (a->domain[0] != '\0' ||
		   strcasecmp(a->local, "postmaster") == 0) &&
	       strchr(a->domain, '_') == NULL;
}

/* What follows a path: nothing, or parameters, one blank before each. */
static const char *
params_fault(const char *rest, bool esmtp)
{
	if (*rest == '\0') {
		return NULL;
	}
	return !esmtp ? "555 5.5.4 No parameters behind HELO: say EHLO"
	       : strpbrk(rest, "\t") != NULL || strstr(rest, "  ") != NULL
	           ? "501 5.5.4 One blank before each parameter"
	           : NULL;
}

static const char *
path_fault(const char *text, const char *code, bool esmtp)
{
	struct address a;
	const char *rest;

	if (address_path_utf8(text, &a, &rest) != PATH_OK) {
		return NULL; /* the command says what is wrong */
	}
	return is_strict_address(&a) ? params_fault(rest, esmtp) : code;
}

const char *
strict_fault(const char *line, bool esmtp)
{
	const char *rest;

	if (strncasecmp(line, "BDAT", 4) == 0) {
		return NULL; /* which has data behind it, and is strict */
	}
	if ((rest = behind(line, "MAIL")) != NULL) {
		return strncasecmp(rest, "FROM:<", 6) != 0
		           ? "501 5.5.4 Write MAIL FROM:<address>, just so"
		           : path_fault(rest + 5,
				 "501 5.1.7 Not an address of RFC 5321", esmtp);
	}
	if ((rest = behind(line, "RCPT")) != NULL) {
		return strncasecmp(rest, "TO:<", 4) != 0
		           ? "501 5.5.4 Write RCPT TO:<address>, just so"
		           : path_fault(rest + 3,
				 "501 5.1.3 Not an address of RFC 5321", esmtp);
	}
	if (behind(line, "AUTH") == NULL && strlen(line) > LINE) {
		return "500 5.5.6 Line too long";
	}
	if ((rest = behind(line, "EHLO")) != NULL ||
	    (rest = behind(line, "HELO")) != NULL) {
		return hello_fault(rest);
	}
	return line[strcspn(line, " \t")] == '\t' || strstr(line, "  ") != NULL
	           ? "501 5.5.4 One blank between words"
	           : NULL;
}
