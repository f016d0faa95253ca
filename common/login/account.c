/* SPDX-License-Identifier: ISC */
/* Accounts: whose a mailbox is, and what a login is checked against. */
#include "common/login/users.h"

#include "common/log/log.h"
#include "common/names/passwd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sets owner and home from the system's account of that name. */
static enum status
system_account(struct account *a, const char *name)
{
	const struct passwd *pw = passwd_by_name(name);

	if (pw == NULL) {
		return errno == 0 ? STATUS_NO : STATUS_TEMPORARY;
	}
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	strlcpy(a->home, pw->pw_dir, sizeof(a->home));
	return STATUS_OK;
}

/*
 * What a key names, or our own account.  Trouble in asking is no answer: it
 * comes again when the account is looked up, and then mail waits.
 */
static const char *
named_or_own(const char *named, const char *own, const char *other)
{
	struct account a;

	return named[0] != '\0'                       ? named
	       : system_account(&a, own) == STATUS_NO ? other
	                                              : own;
}

const char *
account_mailbox_owner(const struct config *config)
{
	return named_or_own(config->mailbox_owner, "_restante-mail", "mail");
}

const char *
account_oauth_owner(const struct config *config)
{
	return named_or_own(config->oauth_owner, "_restante-token", "nobody");
}

enum status
account_owner(const struct config *config, const char *user, const char *named,
    struct account *a)
{
	enum status s;

	memset(a, 0, sizeof(*a));
	strlcpy(a->name, user, sizeof(a->name));
	if (geteuid() != 0) {
		a->uid = geteuid();
		a->gid = getegid();
		return STATUS_OK;
	}
	s = system_account(a, *named != '\0' ? named : user);
	if (s == STATUS_NO && *named == '\0') {
		named = account_mailbox_owner(config);
		s = system_account(a, named);
		a->home[0] = '\0';
	}
	if (s == STATUS_OK && a->uid == 0) {
		log_error("the mailbox of %s would belong to root: name "
			  "another owner in %s",
		    user, config->users);
		return STATUS_TEMPORARY;
	}
	if (s == STATUS_NO) {
		log_error("there is no account %s, owner of the mailbox of %s",
		    named, user);
		return STATUS_TEMPORARY;
	}
	return s; /* trouble in asking has been logged */
}

enum status
account_system(const char *user, struct account *a)
{
	memset(a, 0, sizeof(*a));
	strlcpy(a->name, user, sizeof(a->name));
	return system_account(a, user);
}

enum status
account_find(const struct config *config, const struct names *names,
    const char *user, struct account *a)
{
	bool system_users = names_open(names);
	enum status s = system_users ? account_system(user, a)
	                             : names_owner(names, config, user, a);

	if (s == STATUS_NO && strcmp(user, "postmaster") == 0) {
		/* RFC 5321 section 4.5.1: postmaster always has a mailbox. */
		s = system_users ? account_system("root", a)
		                 : account_owner(config, user, "", a);
	}
	return s;
}

/* Makes a path of its template. */
static int
fill_path(const struct config *config, const char *form,
    const struct account *a, char path[PATH_MAX])
{
	size_t n = 0;

	for (const char *p = form; *p != '\0'; p++) {
		const char *piece = NULL;
		if (*p == '%' && p[1] != '\0') {
			p++;
			piece = *p == 'u'   ? a->name
			        : *p == 'd' ? config->domains[0]
			        : *p == 'h' ? a->home
			                    : NULL;
		}
		int k = piece != NULL
		            ? snprintf(path + n, PATH_MAX - n, "%s", piece)
		            : snprintf(path + n, PATH_MAX - n, "%c", *p);
		if ((piece != NULL && *piece == '\0') || k < 0 ||
		    (size_t)k >= PATH_MAX - n) {
			return -1;
		}
		n += (size_t)k;
	}
	return n > 0 ? 0 : -1;
}

int
account_mailbox(
    const struct config *config, const struct account *a, char path[PATH_MAX])
{
	return fill_path(config, config->mailbox, a, path);
}

int
account_junk(
    const struct config *config, const struct account *a, char path[PATH_MAX])
{
	return fill_path(config, config->junk, a, path);
}

int
account_forward(
    const struct config *config, const struct account *a, char path[PATH_MAX])
{
	return fill_path(config, config->forward, a, path);
}

/* Makes the names of a directory and of the two around it durable. */
static int
settle(int directory)
{
	int fd = fcntl(directory, F_DUPFD_CLOEXEC, 0);

	for (int i = 0; i < 3 && fd != -1; i++) {
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
		if (fd != -1 && fsync(fd) == -1) {
			close(fd);
			return -1;
		}
	}
	if (fd == -1) {
		return errno == EACCES ? 0 : -1; /* not made by us, then */
	}
	close(fd);
	return 0;
}

/*
 * Gives a directory that may just have been made to its owner.  Commit point: a
 * directory that its owner has survives a power cut, and so does a journal in
 * it.
 */
static int
give_directory(const char *path, const struct account *a, bool made)
{
	/* It may be the owner's alone by now, and root without that right. */
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int result = -1;

	if (fd == -1) {
		return -1;
	}
	if (fstat(fd, &st) == 0) {
		bool theirs = geteuid() != 0 || st.st_uid == a->uid;
		result = made || !theirs ? settle(fd) : 0;
		if (result == 0 && !theirs) {
			result =
			    fchownat(fd, "", a->uid, a->gid, AT_EMPTY_PATH);
		}
	}
	close(fd);
	return result;
}

/* Makes a directory with that mode, whatever the umask; true if it did. */
static bool
make_directory(const char *path, mode_t mode)
{
	return mkdir(path, mode) == 0 && chmod(path, mode) == 0;
}

int
account_directory(
    const struct config *config, const struct account *a, char path[PATH_MAX])
{
	char users[PATH_MAX];

	if (snprintf(users, sizeof(users), "%s/users", config->state) >=
		(int)sizeof(users) ||
	    snprintf(path, PATH_MAX, "%s/%s", users, a->name) >= PATH_MAX) {
		return -1;
	}
	bool made = mkdir(path, 0700) == 0;
	if (!made && errno == ENOENT) {
		(void)make_directory(config->state, 0755);
		(void)make_directory(users, 0711); /* owners pass it */
		made = make_directory(path, 0700);
	}
	if (give_directory(path, a, made) == -1) {
		log_error("cannot make %s: %s; type smtpd --check", path,
		    strerror(errno));
		if (made) {
			(void)rmdir(path); /* it may not survive a power cut */
			return -1;
		}
	}
	return 0;
}
