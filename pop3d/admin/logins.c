/* SPDX-License-Identifier: ISC */
/* Prints what the files "last-login.*" of the users' directories say. */
#include "pop3d/admin/admin.h"

#include "common/config/option.h"
#include "common/log/log.h"
#include "common/login/last_login.h"
#include "common/login/users.h"
#include "pop3d/admin/owner_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT = 10 * 1000 }; /* ms for two small files */

/* Prints one of the two files of a user; true if it exists. */
static bool
print_last_login(const char *directory, const char *user, const char *name)
{
	struct last_login l;
	struct tm tm;
	char when[32] = "";

	if (last_login_read(directory, name, &l) == -1) {
		return false;
	}
	time_t t = (time_t)l.when;
	if (localtime_r(&t, &tm) != NULL) {
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	}
	printf("%-20s %s %-6s %s\n", user, when, l.protocol, l.address);
	return true;
}

/* What the process that has become the owner looks for. */
struct owned_logins {
	const char *directory, *user;
};

/* EX_OK if there is one of the files, else EX_NOUSER. */
static int
print_owned(int directory, void *context)
{
	const struct owned_logins *l = context;

	(void)directory;
	bool pop3 = print_last_login(l->directory, l->user, LAST_LOGIN_POP3);
	bool smtp = print_last_login(l->directory, l->user, LAST_LOGIN_SMTP);
	return pop3 || smtp ? EX_OK : EX_NOUSER;
}

/* Prints both files of the user; true if one exists. */
static bool
print_logins_of(const struct config *config, const char *user)
{
	char path[PATH_MAX];
	struct owned_logins l = { .directory = path, .user = user };

	if (snprintf(path, sizeof(path), "%s/users/%s", config->state, user) >=
	    (int)sizeof(path)) {
		return false;
	}
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory == -1) {
		return false;
	}
	bool found = owner_run_in(directory, print_owned, &l, LIMIT) == EX_OK;
	close(directory);
	return found;
}

static int
not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
print_all(const struct config *config)
{
	char path[PATH_MAX];
	struct dirent **users;

	int n = snprintf(path, sizeof(path), "%s/users", config->state);
	n = n < (int)sizeof(path) ? scandir(path, &users, not_hidden, alphasort)
	                          : -1;
	if (n == -1 && errno != ENOENT) {
		log_error("cannot read %s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	if (n > 0) {
		(void)option_list_header(
		    "USER                 WHEN                BY     FROM");
	}
	for (int i = 0; i < n; i++) {
		(void)print_logins_of(config, users[i]->d_name);
		free(users[i]);
	}
	if (n >= 0) {
		free(users);
	}
	return EX_OK;
}

int
admin_last_login(const struct config *config, const char *name)
{
	char user[USER_NAME + 1];

	if (name == NULL) {
		return print_all(config);
	}
	if (!user_name(config, name, user)) {
		log_error("%s cannot be the name of a user", name);
		return EX_NOUSER;
	}
	if (!print_logins_of(config, user)) {
		log_error("no login of %s is known", user);
		return EX_NOUSER;
	}
	return EX_OK;
}
