/* SPDX-License-Identifier: ISC */
/*
 * --check: mailboxes and their folders, as their owners find them, who
 * deliver and collect.
 */
#include "spool/check/check.h"

#include "common/log/log.h"
#include "common/login/users.h"
#include "spool/foreign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FINDINGS = 20 }; /* that are printed one by one */

/* ---- as the owner ---- */

/* 0, or the errno of what the owner cannot do. */
static int
try_folder(void *context)
{
	return access(context, W_OK | X_OK) == 0 ? 0 : errno;
}

static int
try_mailbox(void *context)
{
	const char *like;
	int fd = open(
	    context, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int result = fd == -1 || foreign_look(fd, &like) == -1 ? errno : 0;

	if (fd != -1) {
		close(fd);
	}
	return result;
}

/* 0, or an errno: the way to the folder is closed, and not only the folder. */
static int
try_way(void *context)
{
	return access(context, F_OK) == 0 ? 0 : errno;
}

/* ---- one mailbox ---- */

/* What it is that is there instead of a mailbox; NULL: it is one. */
static const char *
other_kind(const struct stat *st)
{
	return S_ISDIR(st->st_mode)    ? "a directory"
	       : S_ISLNK(st->st_mode)  ? "a symbolic link"
	       : !S_ISREG(st->st_mode) ? "not a regular file"
	                               : NULL;
}

static void
check_file(struct check *c, const struct account *a, const char *path,
    const struct stat *st)
{
	const char *kind = other_kind(st);
	char copy[PATH_MAX];

	strlcpy(copy, path, sizeof(copy));
	if (kind != NULL) {
		check_finding(c, FINDING_ERROR,
		    "the mailbox %s is %s: mail for %s waits; type: mv -n %s "
		    "%s.old",
		    path, kind, a->name, path, path);
	} else if (st->st_nlink > 1) {
		check_finding(c, FINDING_ERROR,
		    "the mailbox %s has another name, too: mail for %s waits; "
		    "type: find / -xdev -samefile %s",
		    path, a->name, path);
	} else if (geteuid() == 0 && st->st_uid != a->uid) {
		check_finding(c, FINDING_ERROR,
		    "the mailbox %s belongs to uid %u, and not to %s (uid "
		    "%u); type: chown %u %s",
		    path, (unsigned)st->st_uid, a->name, (unsigned)a->uid,
		    (unsigned)a->uid, path);
	} else if ((st->st_mode & (S_IROTH | S_IWOTH)) != 0) {
		check_finding(c, FINDING_ERROR,
		    "everybody can %s the mailbox %s; type: chmod o-rwx %s",
		    (st->st_mode & S_IWOTH) != 0 ? "write to" : "read", path,
		    path);
	} else {
		int error = check_as(c, a, path, try_mailbox, copy);
		if (error == FOREIGN_FILE) {
			check_finding(c, FINDING_ERROR,
			    "the mailbox %s is no mbox: mail for %s waits; "
			    "type: mv -n %s %s.old",
			    path, a->name, path, path);
		} else if (error > 0) {
			check_finding(c, FINDING_ERROR,
			    "%s cannot open the mailbox %s: %s; type: chmod "
			    "u+rw %s",
			    a->name, path, strerror(error), path);
		}
	}
}

/*
 * UIDLs that an import has noted, and that are not reported.  By the name of a
 * file: root does not look into it.
 */
static void
check_noted(struct check *c, const struct account *a, const char *folder)
{
	char path[PATH_MAX];
	struct stat st;

	if (c->config->uidl != UIDL_HEADER &&
	    snprintf(path, sizeof(path), "%s/uidls", folder) <
		(int)sizeof(path) &&
	    lstat(path, &st) == 0) {
		check_finding(c, FINDING_WARNING,
		    "mail of %s was imported with the UIDLs of another server, "
		    "which clients do not see: they retrieve it again; set "
		    "uidl header, or remove %s if that does not matter",
		    a->name, path);
	}
}

/* Where the owner keeps what belongs to the mailbox. */
static void
check_state_of(struct check *c, const struct account *a)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/users/%s", c->config->state,
		a->name) >= (int)sizeof(path) ||
	    lstat(path, &st) == -1) {
		return; /* the first delivery makes it */
	}
	if (!S_ISDIR(st.st_mode)) {
		check_finding(c, FINDING_ERROR,
		    "%s is not a directory: mail for %s waits; type: mv -n %s "
		    "%s.old",
		    path, a->name, path, path);
	} else if (geteuid() == 0 && st.st_uid != a->uid) {
		check_finding(c, FINDING_ERROR,
		    "%s belongs to uid %u, and not to %s; type: chown -R -h "
		    "%u %s",
		    path, (unsigned)st.st_uid, a->name, (unsigned)a->uid, path);
	} else {
		check_noted(c, a, path);
	}
}

/*
 * The folder of a mailbox, which its owner makes, locks and writes there.
 * False: said what is wrong.
 */
static bool
check_folder(
    struct check *c, const struct account *a, const char *mailbox, char *folder)
{
	struct stat st;

	if (folder[0] != '/') {
		check_finding(c, FINDING_ERROR,
		    "mailboxes in %s: the key mailbox needs an absolute path",
		    folder);
		return false;
	}
	if (stat(folder, &st) == -1) {
		check_finding(c, FINDING_ERROR, "mailboxes in %s: %s%s%s",
		    folder, strerror(errno),
		    errno != ENOENT  ? "; type: namei -l "
		    : geteuid() == 0 ? "; type: install -d -g mail -m 3775 "
				     : "; type: mkdir -p -m 700 ",
		    folder);
		return false;
	}
	if (!S_ISDIR(st.st_mode)) {
		check_finding(c, FINDING_ERROR,
		    "mailboxes in %s: it is not a directory; see the key "
		    "mailbox",
		    folder);
		return false;
	}
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0) {
		check_finding(c, FINDING_ERROR,
		    "everybody can remove mailboxes in %s; type: chmod o-w,+t "
		    "%s",
		    folder, folder);
		return false;
	}
	int error = check_as(c, a, mailbox, try_way, folder);
	if (error > 0) {
		check_finding(c, FINDING_ERROR,
		    "%s (uid %u) cannot reach %s: %s; type: namei -l %s",
		    a->name, (unsigned)a->uid, folder, strerror(error), folder);
		return false;
	}
	error = check_as(c, a, mailbox, try_folder, folder);
	if (error > 0 && st.st_uid == 0) {
		check_finding(c, FINDING_ERROR,
		    "%s (uid %u) cannot make a mailbox and locks in %s: %s; "
		    "type: chgrp mail %s && chmod 3775 %s",
		    a->name, (unsigned)a->uid, folder, strerror(error), folder,
		    folder);
		return false;
	}
	if (error > 0) {
		check_finding(c, FINDING_ERROR,
		    "%s (uid %u) cannot make a mailbox and locks in %s: %s; "
		    "type: ls -ld %s",
		    a->name, (unsigned)a->uid, folder, strerror(error), folder);
		return false;
	}
	return true;
}

/* Cuts the name of the file off; false: there is no folder in the path. */
static bool
folder_of(const char *mailbox, char folder[PATH_MAX])
{
	strlcpy(folder, mailbox, PATH_MAX);
	char *slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder) {
		return false;
	}
	*slash = '\0';
	return true;
}

/* Checks what there is for a user, if anything. */
static void
check_user(struct check *c, const struct names *names, const char *name)
{
	char user[USER_NAME + 1], path[PATH_MAX], folder[PATH_MAX];
	struct account account;
	struct stat st;

	if (!user_name(c->config, name, user)) {
		return; /* check_users() reports it */
	}
	if (account_find(c->config, names, user, &account) != STATUS_OK) {
		check_finding(c, FINDING_ERROR,
		    "the owner of the mailbox of %s cannot be found: mail for "
		    "%s waits; see the error above, and the owners in %s",
		    user, user, c->config->users);
		return;
	}
	if (account_mailbox(c->config, &account, path) == -1) {
		check_finding(c, FINDING_ERROR,
		    "%s has no path for a mailbox: mail for %s waits; see the "
		    "key mailbox",
		    user, user);
		return;
	}
	if (lstat(path, &st) == 0) {
		check_file(c, &account, path, &st);
	} else if (errno == ENOENT && folder_of(path, folder)) {
		(void)check_folder(c, &account, path, folder);
	} else if (errno != ENOENT) {
		check_finding(c, FINDING_WARNING,
		    "the mailbox %s cannot be looked at: %s; run %s --check as "
		    "root",
		    path, strerror(errno), c->program);
	}
	check_state_of(c, &account);
}

/* ---- all of them ---- */

static void
check_users_of_file(struct check *c, const struct names *names)
{
	unsigned before = c->errors + c->warnings;
	struct users_file *f = users_open(c->config->users);
	enum user_line_kind kind;
	struct user_line line;

	while (f != NULL && (kind = users_next(f, &line)) < USER_LINE_END &&
	       c->errors + c->warnings < before + FINDINGS) {
		if (kind == USER_LINE_USER && line.label[0] == '\0') {
			check_user(c, names, line.name);
		}
	}
	if (f != NULL) {
		users_close(f);
	}
}

static bool
is_account(const struct check *c, const struct names *names, const char *name)
{
	char user[USER_NAME + 1];
	struct account account;

	return user_name(c->config, name, user) &&
	       account_find(c->config, names, user, &account) == STATUS_OK;
}

/* Of the system's accounts, those whose mailbox is in that folder. */
static void
check_users_in(struct check *c, const struct names *names, const char *folder)
{
	unsigned before = c->errors + c->warnings;
	DIR *d = opendir(folder);
	const struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL &&
	       c->errors + c->warnings < before + FINDINGS) {
		/* Locks and copies lie there, too. */
		if (entry->d_name[0] != '.' &&
		    is_account(c, names, entry->d_name)) {
			check_user(c, names, entry->d_name);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
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

/*
 * Among the system's accounts postmaster is root, who can write everywhere: an
 * ordinary one is the better example.
 */
static void
find_example(struct check *c, const struct names *names, struct account *a,
    char path[PATH_MAX])
{
	enum { ORDINARY = 1000, NOBODY = 65534 };
	const struct passwd *pw;
	struct account found;
	char other[PATH_MAX];

	if (a->uid != 0 || geteuid() != 0) {
		return;
	}
	setpwent();
	while ((pw = getpwent()) != NULL &&
	       (pw->pw_uid < ORDINARY || pw->pw_uid >= NOBODY)) {
	}
	char name[USER_NAME + 1] = "nobody";
	if (pw != NULL) {
		strlcpy(name, pw->pw_name, sizeof(name));
	}
	endpwent();
	if (account_find(c->config, names, name, &found) == STATUS_OK &&
	    account_mailbox(c->config, &found, other) == 0) {
		*a = found;
		strlcpy(path, other, PATH_MAX);
	}
}

/* The folder, and then the mailboxes. */
static void
check_places(struct check *c, const struct names *names,
    const struct account *postmaster, const char *mailbox)
{
	struct account example = *postmaster;
	char path[PATH_MAX], folder[PATH_MAX];

	strlcpy(path, mailbox, sizeof(path));
	find_example(c, names, &example, path);
	check_folder_group(c, &example, path);
	if (!folder_of(path, folder) ||
	    !check_folder(c, &example, path, folder)) {
		return; /* it would be said for each of them */
	}
	check_finding(c, FINDING_OK, "mailboxes in %s", folder);
	if (config_system_users(c->config)) {
		check_users_in(c, names, folder);
	} else {
		check_users_of_file(c, names);
	}
}

void
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
	if (found == STATUS_TEMPORARY) {
		check_finding(c, FINDING_ERROR,
		    "the owner of postmaster's mailbox cannot be found out "
		    "now; the log says why");
	} else if (found != STATUS_OK ||
		   account_mailbox(c->config, &account, path) == -1) {
		check_finding(c, FINDING_ERROR,
		    "postmaster has no mailbox: see the "
		    "keys mailbox and mailbox-owner");
	} else {
		check_finding(c, FINDING_OK, "mailboxes such as %s", path);
		check_junk(c, &account);
		check_places(c, names, &account, path);
	}
	names_free(names);
}
