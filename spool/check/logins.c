/* SPDX-License-Identifier: ISC */
/* --check: what logins need besides the users file. */
#include "spool/check/check.h"

#include "common/login/pam.h"
#include "common/login/users.h"
#include "common/names/passwd.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A command of a key, tried as the account that is to run it. */
static void
check_command(struct check *c, const char *key, const char *command,
    const char *owner_key, const char *owner)
{
	size_t n = strcspn(command, " \t");
	char path[CONFIG_VALUE];

	snprintf(path, sizeof(path), "%.*s", (int)n, command);
	struct account account;
	int error = account_system(owner, &account) == STATUS_OK
	                ? check_as(c, &account, NULL, check_runnable, path)
	                : 0;
	if (error > 0) {
		check_finding(c, FINDING_ERROR,
		    "the key %s names %s, which %s cannot run: %s", key, path,
		    owner, strerror(error));
	}
	const struct passwd *pw = passwd_by_name(owner);
	if (geteuid() == 0 && (pw == NULL || pw->pw_uid == 0)) {
		check_finding(c, FINDING_ERROR, "the key %s names %s: %s",
		    owner_key, owner,
		    pw != NULL   ? "commands are never run as root"
		    : errno != 0 ? "it cannot be asked for now"
				 : "there is no such account");
	}
}

static void
check_oauth(struct check *c)
{
	const struct config *config = c->config;

	check_command(c, "oauth-command", config->oauth_command, "oauth-owner",
	    account_oauth_owner(config));
	if (config->ntls == 0) {
		check_finding(c, FINDING_WARNING,
		    "oauth-command: tokens are only accepted over TLS, and "
		    "there is no certificate; see the key tls");
	}
}

static void
check_pam(struct check *c)
{
	static const char file[] = "/etc/pam.d/" PAM_SERVICE_NAME;

	if (access(file, R_OK) == -1) {
		check_finding(c, FINDING_WARNING,
		    "PAM checks passwords, but there is no %s, so "
		    "/etc/pam.d/other applies; restante.conf(5) has an example",
		    file);
	} else {
		check_finding(
		    c, FINDING_OK, "PAM checks passwords as %s says", file);
	}
}

void
check_logins(struct check *c)
{
	if (c->config->password_minimum != 0 &&
	    c->config->password_minimum < 8) {
		check_finding(c, FINDING_WARNING,
		    "password-minimum %u: so short a password is guessed; "
		    "remove the line, and type smtpd --passwd --generate for "
		    "users who want a good one",
		    c->config->password_minimum);
	}
	if (pam_available() && config_system_users(c->config)) {
		check_pam(c);
	}
	if (c->config->oauth_command[0] != '\0') {
		check_oauth(c);
	}
	if (c->config->alert[0] != '\0') {
		check_command(c, "alert", c->config->alert, "alias-owner",
		    c->config->alias_owner);
	}
}
