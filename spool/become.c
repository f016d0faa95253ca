/* SPDX-License-Identifier: ISC */
/* Runs as root (if the caller does) until it has become the owner. */
#include "spool/become.h"

#include "common/process/privilege.h"

#include <string.h>
#include <sys/stat.h>

/*
 * The group that the owner of a mailbox, of that uid and gid, needs to make
 * lock files beside it; (gid_t)-1: none, as in a home, in a folder that
 * everybody writes to, or with that group as its own.
 */
static gid_t
lock_group(const char *mailbox, uid_t uid, gid_t gid)
{
	char directory[PATH_MAX];
	struct stat st;

	strlcpy(directory, mailbox, sizeof(directory));
	char *slash = strrchr(directory, '/');
	if (slash == NULL) {
		return (gid_t)-1;
	}
	*slash = '\0';
	if (stat(directory, &st) == -1 || (st.st_mode & S_IWGRP) == 0 ||
	    (st.st_mode & S_IWOTH) != 0 || st.st_gid == gid ||
	    (st.st_uid == uid && (st.st_mode & S_IWUSR) != 0)) {
		return (gid_t)-1;
	}
	return st.st_gid;
}

int
become_account(const struct account *a, const char *mailbox)
{
	gid_t group =
	    mailbox == NULL ? (gid_t)-1 : lock_group(mailbox, a->uid, a->gid);

	if (privilege_become(a->uid, a->gid, group) == -1) {
		return -1;
	}
	umask(077);
	return 0;
}

int
become_owner_of(int directory)
{
	struct stat st;

	if (fstat(directory, &st) == -1 ||
	    privilege_become(st.st_uid, st.st_gid, (gid_t)-1) == -1) {
		return -1;
	}
	umask(077);
	return 0;
}

enum become
become_owner(const struct config *config, const struct names *names,
    const char *name, struct account *account, struct store *store)
{
	char user[USER_NAME + 1];

	store->stock = NULL;
	if (!user_name(config, name, user) ||
	    account_find(config, names, user, account) != STATUS_OK ||
	    account_mailbox(config, account, store->mailbox) == -1 ||
	    account_directory(config, account, store->directory) == -1) {
		return BECOME_NO_MAILBOX;
	}
	privilege_empty_bounds(); /* nobody who has a mailbox starts programs */
	return become_account(account, store->mailbox) == -1 ? BECOME_NO_RIGHTS
	                                                     : BECOME_OK;
}
