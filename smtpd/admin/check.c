/* SPDX-License-Identifier: ISC */
/* smtpd --check: tests the set-up, and says what to type next. */
#include "smtpd/admin/check_private.h"

#include "common/login/credentials.h"
#include "common/login/password.h"
#include "common/login/users.h"
#include "common/tls/tls.h"
#include "common/tls/tls_keys.h"
#include "smtpd/admin/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60, WARN_DAYS = 21 };

static void
check_names(struct check *c)
{
	const struct config *config = c->config;

	check_finding(c, FINDING_OK, "configuration %s",
	    config->file[0] != '\0' ? config->file
				    : "by default (there is no file)");
	if (strchr(config->hostname, '.') == NULL) {
		check_finding(c, FINDING_WARNING,
		    "the host name %s has no domain, and other servers may "
		    "refuse it: put the full name into /etc/mailname, or set "
		    "the key hostname",
		    config->hostname);
	} else {
		check_finding(c, FINDING_OK, "host name %s", config->hostname);
	}
	for (size_t i = 0; i < config->ndomains; i++) {
		check_finding(
		    c, FINDING_OK, "mail for %s is ours", config->domains[i]);
	}
	for (size_t i = 0; i < config->nvirtual_domains; i++) {
		check_finding(c, FINDING_OK,
		    "mail for %s is ours, for addresses with an alias",
		    config->virtual_domains[i]);
	}
}

/* A directory that must be writable. */
static void
check_directory(struct check *c, const char *what, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		check_finding(c, FINDING_ERROR,
		    "%s %s: %s; type: mkdir -p -m 700 %s", what, path,
		    strerror(errno), path);
	} else if (!S_ISDIR(st.st_mode)) {
		check_finding(
		    c, FINDING_ERROR, "%s %s is not a directory", what, path);
	} else if (access(path, W_OK | X_OK) == -1) {
		check_finding(c, FINDING_ERROR, "%s %s: %s; type: chown %d %s",
		    what, path, strerror(errno), (int)geteuid(), path);
	} else {
		check_finding(c, FINDING_OK, "%s %s", what, path);
	}
}

/* Where the file for Prometheus is to be. */
static void
check_stats_file(struct check *c)
{
	const char *path = c->config->stats_file;
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (path[0] == '\0') {
		return;
	}
	if (slash == NULL || slash == path) {
		check_finding(c, FINDING_ERROR,
		    "stats-file %s must be an absolute path, in a folder",
		    path);
		return;
	}
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	check_directory(c, "the folder of stats-file", folder);
}

/* The queue needs unnamed files for messages under way. */
static void
check_queue(struct check *c)
{
	check_directory(c, "queue", c->config->queue);
	int fd = open(c->config->queue, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 && errno == EOPNOTSUPP) {
		check_finding(c, FINDING_WARNING,
		    "the file system of %s has no "
		    "unnamed files: named ones are used instead",
		    c->config->queue);
	}
	if (fd != -1) {
		close(fd);
	}
}

static void
check_tls(struct check *c)
{
	char error[CONFIG_ERROR];

	if (c->config->ntls == 0) {
		check_finding(c, FINDING_WARNING,
		    "no certificate, so no TLS: put key and chain into %s, or "
		    "set the key tls",
		    c->config->tls_default);
		return;
	}
	struct tls_keys *keys = tls_keys_open(c->config, true, error);
	struct tls_server *s =
	    keys == NULL ? NULL : tls_server_open(c->config, error);
	if (s == NULL) {
		tls_keys_close(keys);
		check_finding(c, FINDING_ERROR, "certificate: %s", error);
		return;
	}
	tls_server_close(s);
	long days = (long)((tls_keys_expiry(keys) - time(NULL)) / DAY);
	if (days < 0) {
		check_finding(c, FINDING_ERROR,
		    "a certificate has expired: renew it and replace its file");
	} else {
		check_finding(c,
		    days < WARN_DAYS ? FINDING_WARNING : FINDING_OK,
		    "certificate good for %ld more days", days);
	}
	tls_keys_close(keys);
	for (size_t i = 0; i < c->config->ntls; i++) {
		struct stat st;
		if (stat(c->config->tls[i], &st) == 0 &&
		    (st.st_mode & S_IROTH) != 0) {
			check_finding(c, FINDING_ERROR,
			    "everybody can read the key in %s; type: chmod "
			    "600 %s",
			    c->config->tls[i], c->config->tls[i]);
		}
	}
}

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
	    "%zu users in %s%s", users, c->config->users,
	    users > 0 ? "" : "; type: smtpd --passwd NAME");
}

static void
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

/* Checks the folder of the file for marked mail. */
static void
check_junk(struct check *c, const struct account *account)
{
	char path[PATH_MAX], folder[PATH_MAX];

	if (c->config->junk[0] == '\0') {
		return;
	}
	if (account_junk(c->config, account, path) == -1) {
		check_finding(c, FINDING_WARNING,
		    "junk: no path for %s, whose mailbox gets marked mail",
		    account->name);
		return;
	}
	strlcpy(folder, path, sizeof(folder));
	char *slash = strrchr(folder, '/');
	if (slash != NULL) {
		*slash = '\0';
	}
	if (access(folder, X_OK) == -1) {
		check_finding(c, FINDING_WARNING,
		    "junk: %s: %s: until it is there, mailboxes get marked "
		    "mail",
		    folder, strerror(errno));
		return;
	}
	check_finding(
	    c, FINDING_OK, "marked mail goes into files such as %s", path);
}

/* Checks the folder of mailboxes, with that of postmaster as example. */
static void
check_mailboxes(struct check *c)
{
	struct account account;
	char path[PATH_MAX], error[CONFIG_ERROR];
	struct names *names = names_load(c->config, error);

	if (names == NULL) {
		return; /* check_users() reports it */
	}
	enum status found =
	    account_find(c->config, names, "postmaster", &account);
	names_free(names);
	if (found == STATUS_TEMPORARY) {
		check_finding(c, FINDING_ERROR,
		    "the owner of postmaster's mailbox cannot be found out "
		    "now; the log says why");
		return;
	}
	if (found != STATUS_OK ||
	    account_mailbox(c->config, &account, path) == -1) {
		check_finding(c, FINDING_ERROR,
		    "postmaster has no mailbox: see the "
		    "keys mailbox and mailbox-owner");
		return;
	}
	check_finding(c, FINDING_OK, "mailboxes such as %s", path);
	check_junk(c, &account);
	check_folder_group(c, &account, path);
	char *slash = strrchr(path, '/');
	if (slash != NULL && slash != path) {
		*slash = '\0';
		check_directory(c, "mailboxes in", path);
	}
}

int
admin_check(const struct config *config)
{
	struct check c = { .config = config };

	check_names(&c);
	check_directory(&c, "state", config->state);
	check_rights(&c);
	check_queue(&c);
	check_stats_file(&c);
	check_mailboxes(&c);
	check_users(&c);
	check_limits(&c);
	check_aliases(&c);
	check_routes(&c);
	check_policy(&c);
	check_senders(&c);
	check_signing(&c);
	check_logins(&c);
	check_tls(&c);
	check_dns(&c);
	printf("%u errors, %u warnings\n", c.errors, c.warnings);
	return c.errors > 0 ? 1 : 0;
}
