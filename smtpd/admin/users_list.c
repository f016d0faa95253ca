/* SPDX-License-Identifier: ISC */
/* smtpd --users: lists users and kinds of credentials, never their content. */
#include "smtpd/admin/passwd.h"

#include "common/config/option.h"
#include "common/log/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { USER_WIDTH = 20, LABEL_WIDTH = 12, TERMS_WIDTH = 20 };

/* In columns for people, and separated by tabs for programs. */
static void
print_field(bool columns, int width, const char *text)
{
	printf("%*s%c", columns ? -width : 0, text, columns ? ' ' : '\t');
}

/* The kinds of credentials: "{SCRAM-SHA-256}..." is SCRAM-SHA-256. */
static void
print_kinds(const char *credentials)
{
	bool any = false;

	for (;;) {
		credentials += strspn(credentials, " \t");
		size_t n = strcspn(credentials, " \t");
		if (n == 0) {
			break;
		}
		const char *end = memchr(credentials, '}', n);
		bool braces = credentials[0] == '{' && end != NULL;
		const char *kind = braces                  ? credentials + 1
		                   : credentials[0] == '$' ? "crypt"
		                                           : "none";
		size_t len =
		    braces ? (size_t)(end - credentials - 1) : strlen(kind);
		printf("%s%.*s", any ? "," : "", (int)len, kind);
		any = true;
		credentials += n;
	}
	printf("%s\n", any ? "" : "none");
}

static void
print_user(bool columns, const struct user_line *u)
{
	char terms[TERMS_TEXT] = "";
	struct terms t;

	if (terms_parse(u->terms, &t)) {
		terms_print(&t, terms);
	} else {
		strlcpy(terms, "unreadable", sizeof(terms));
	}
	print_field(columns, USER_WIDTH, u->name);
	print_field(columns, LABEL_WIDTH, u->label[0] != '\0' ? u->label : "-");
	print_field(columns, TERMS_WIDTH, terms[0] != '\0' ? terms : "-");
	print_kinds(u->credentials);
}

int
users_list(const struct config *config)
{
	enum user_line_kind kind;
	struct user_line u;

	if (config_system_users(config)) {
		log_error("the users are the system's accounts: use getent "
			  "passwd");
		return EX_USAGE;
	}
	struct users_file *f = users_open(config->users);
	if (f == NULL) {
		log_error("cannot read %s: %s; type smtpd --passwd NAME",
		    config->users, strerror(errno));
		return EX_NOINPUT;
	}
	bool columns = option_list_header(
	    "USER                 LABEL        TERMS                "
	    "CREDENTIALS");
	while ((kind = users_next(f, &u)) < USER_LINE_END) {
		if (kind == USER_LINE_USER) {
			print_user(columns, &u);
		}
	}
	if (kind == USER_LINE_ERROR) {
		log_error("cannot read %s: %s", config->users, strerror(errno));
	}
	users_close(f);
	return kind == USER_LINE_END ? EX_OK : EX_IOERR;
}
