/* SPDX-License-Identifier: ISC */
/* --check: the users file, line by line. */
#include "spool/check/check.h"

#include "common/login/credentials.h"
#include "common/login/pam.h"
#include "common/login/password.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void
check_user_line(struct check *c, const struct names *names,
    const struct user_line *u, size_t number, enum user_line_kind kind)
{
	char name[USER_NAME + 1];
	struct terms terms;

	if (kind == USER_LINE_BAD || !user_name(c->config, u->name, name)) {
		check_finding(c, FINDING_ERROR,
		    "%s:%zu: not of the form "
		    "name:credentials",
		    c->config->users, number);
	} else if (u->label[0] != '\0' && names != NULL &&
		   !names_listed(names, name)) {
		check_finding(c, FINDING_ERROR,
		    "%s:%zu: %s/%s has no line for %s; type: smtpd --passwd %s",
		    c->config->users, number, u->name, u->label, name, name);
	} else if (!terms_parse(u->terms, &terms)) {
		check_finding(c, FINDING_ERROR,
		    "%s:%zu: \"%s\" is not [for=smtp|pop3] "
		    "[until=YYYY-MM-DD]: nobody logs in by that line",
		    c->config->users, number, u->terms);
	} else if (password_has(u->credentials, PASSWORD_PAM) &&
		   !pam_available()) {
		check_finding(c, FINDING_ERROR,
		    "%s:%zu: {PAM}, but restante is built without PAM: build "
		    "it by configure --with-pam",
		    c->config->users, number);
	} else if (!password_is_valid(u->credentials)) {
		check_finding(c, FINDING_ERROR,
		    "%s:%zu: no credentials that can be "
		    "checked; type: smtpd --passwd %s",
		    c->config->users, number, name);
	}
}

static void
check_users_file(struct check *c, struct users_file *f)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(c->config, error);
	size_t users = 0, number = 0;
	enum user_line_kind kind;
	struct user_line u;
	struct stat st;

	if (users_stat(f, &st) == 0 && (st.st_mode & S_IROTH) != 0) {
		check_finding(c, FINDING_ERROR,
		    "everybody can read %s; type: chmod "
		    "600 %s",
		    c->config->users, c->config->users);
	}
	while ((kind = users_next(f, &u)) < USER_LINE_END) {
		number++;
		users += kind == USER_LINE_USER && u.label[0] == '\0';
		if (kind != USER_LINE_EMPTY) {
			check_user_line(c, names, &u, number, kind);
		}
	}
	names_free(names);
	if (kind == USER_LINE_ERROR) {
		check_finding(c, FINDING_ERROR, "users %s: %s",
		    c->config->users, strerror(errno));
	}
	check_finding(c, users > 0 ? FINDING_OK : FINDING_WARNING,
	    "%zu user%s in %s%s", users, users == 1 ? "" : "s",
	    c->config->users, users > 0 ? "" : "; type: smtpd --passwd NAME");
}

void
check_users(struct check *c)
{
	if (config_system_users(c->config)) {
		bool named = strcmp(c->config->users, "system") == 0;
		check_finding(c, FINDING_OK,
		    "users are the system's accounts%s%s",
		    named ? "" : ": there is no ",
		    named ? "" : c->config->users);
		return;
	}
	struct users_file *f = users_open(c->config->users);
	if (f == NULL) {
		check_finding(c, FINDING_ERROR,
		    "users %s: %s; type: smtpd --passwd NAME", c->config->users,
		    strerror(errno));
		return;
	}
	check_users_file(c, f);
	users_close(f);
}
