/* SPDX-License-Identifier: ISC */
/*
 * --check: who runs what, and what confines it.  Processes of one uid can
 * signal each other, so what is trusted differently needs different accounts.
 */
#include "spool/check/check.h"

#include "common/login/users.h"
#include "common/names/passwd.h"
#include "common/process/landlock.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "spool/become.h"

#include <errno.h>
#include <stdbool.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKE_ACCOUNT                                                           \
	"useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin"

/* The account of the sessions. */
static void
check_session_user(struct check *c)
{
	const char *user = c->config->user;

	const struct passwd *pw =
	    passwd_by_name(user[0] != '\0' ? user : "_restante");

	if (pw == NULL && errno != 0) {
		check_finding(c, FINDING_ERROR,
		    "the accounts of this system cannot be asked for now: %s; "
		    "see nsswitch.conf(5)",
		    strerror(errno));
	} else if (user[0] != '\0' && pw == NULL) {
		check_finding(c, FINDING_ERROR,
		    "there is no account %s; type: " MAKE_ACCOUNT " %s", user,
		    user);
	} else if (user[0] == '\0' && pw == NULL) {
		check_finding(c, FINDING_WARNING,
		    "sessions will run as nobody; an account of their own is "
		    "safer; type: " MAKE_ACCOUNT " _restante");
	} else {
		check_finding(c, FINDING_OK, "sessions run as %s",
		    user[0] != '\0' ? user : "_restante");
	}
}

/* What Landlock does here, or what it means that there is none. */
static void
check_landlock(struct check *c)
{
	int version = landlock_abi();

	if (version > 0) {
		check_finding(c, FINDING_OK,
		    "the kernel has Landlock (version %d): deliveries and POP3 "
		    "can open their own mailbox alone%s; what reads a "
		    ".forward, waits for a command, or takes a message as "
		    "sendmail can write to no file",
		    version,
		    sandbox_can_confine_runner()
			? ", and the queue runner its queue"
			: "");
	} else {
		check_finding(c, FINDING_OK,
		    "the kernel has no Landlock: deliveries and POP3 can open "
		    "what the owner of the mailbox may");
	}
}

/* Who runs a part of the server, and the key that says so. */
struct role {
	const char *what, *key, *name;
	const char *own; /* the account that the key takes if there is one */
	bool used;       /* in this configuration */
};

/* Warns of two that could signal each other. */
static void
compare_roles(struct check *c, const struct role *a, const struct role *b)
{
	const struct passwd *pw = passwd_by_name(a->name);
	uid_t uid = pw == NULL ? (uid_t)-1 : pw->pw_uid;

	pw = passwd_by_name(b->name);
	if (uid == (uid_t)-1 || pw == NULL || pw->pw_uid != uid) {
		return; /* who is missing is reported elsewhere */
	}
	check_finding(c, FINDING_WARNING,
	    "%s and %s run as one user, %s, and can disturb each other; "
	    "type: " MAKE_ACCOUNT " %s, and set the key %s to it",
	    a->what, b->what, b->name, b->own, b->key);
}

/* One uid for one level of trust. */
static void
check_roles(struct check *c)
{
	const struct config *config = c->config;
	bool own = passwd_by_name("_restante") != NULL;
	const struct role roles[] = {
		{ "the owner of mailboxes without an account", "mailbox-owner",
		    account_mailbox_owner(config), "_restante-mail",
		    !config_system_users(config) },
		{ "commands of the aliases", "alias-owner", config->alias_owner,
		    "_restante-alias", true },
		{ "the oauth-command", "oauth-owner",
		    account_oauth_owner(config), "_restante-token",
		    config->oauth_command[0] != '\0' },
		{ "sessions", "user",
		    config->user[0] != '\0' ? config->user
		    : own                   ? "_restante"
					    : "nobody",
		    "_restante", true },
	};
	enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

	for (size_t i = 0; i < ROLES; i++) {
		for (size_t k = i + 1; k < ROLES; k++) {
			if (roles[i].used && roles[k].used) {
				compare_roles(c, &roles[i], &roles[k]);
			}
		}
	}
	if (roles[0].used && strcmp(roles[0].name, "mail") == 0) {
		check_finding(c, FINDING_WARNING,
		    "mailboxes of users without an account belong to mail, "
		    "which "
		    "other programs run as, too; type: " MAKE_ACCOUNT
		    " _restante-mail, and chown -R _restante-mail their "
		    "mailboxes and folders in %s/users",
		    config->state);
	}
}

void
check_folder_group(
    struct check *c, const struct account *a, const char *mailbox)
{
	char folder[PATH_MAX];
	struct stat st;

	strlcpy(folder, mailbox, sizeof(folder));
	char *slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder || geteuid() != 0 || a->uid == 0) {
		return;
	}
	*slash = '\0';
	if (stat(folder, &st) == -1 || st.st_uid == a->uid ||
	    st.st_gid == a->gid || (st.st_mode & S_IWGRP) == 0 ||
	    (st.st_mode & S_IWOTH) != 0) {
		return; /* the owner needs no group there, or has it */
	}
	if (st.st_uid != 0) {
		check_finding(c, FINDING_WARNING,
		    "%s belongs to uid %u and not to root, so that deliveries "
		    "and POP3 do not get its group, and cannot make mailboxes "
		    "and locks there; type: chown root %s",
		    folder, (unsigned)st.st_uid, folder);
	} else if (!become_trusts_folder(mailbox)) {
		check_finding(c, FINDING_WARNING,
		    "others than root can change the way to %s, so that "
		    "deliveries and POP3 do not get its group, and cannot make "
		    "mailboxes and locks there; type: namei -l %s, and give "
		    "all that it lists to root alone",
		    folder, folder);
	}
}

/* What the process of check_as() does. */
struct trial {
	const struct config *config;
	const struct account *account;
	const char *mailbox;
	int (*try)(void *context);
	void *context;
};

enum { TRIAL_LIMIT = 10 * 1000, NO_RIGHTS = 255 };

static int
run_trial(void *context)
{
	const struct trial *t = context;

	return become_account(t->config, t->account, t->mailbox) == -1
	           ? NO_RIGHTS
	           : t->try(t->context);
}

int
check_as(struct check *c, const struct account *a, const char *mailbox,
    int (*try)(void *context), void *context)
{
	struct trial t = { .config = c->config,
		.account = a,
		.mailbox = mailbox,
		.try = try,
		.context = context };
	int status = 0;

	fflush(stdout);
	if (process_run(run_trial, &t, TRIAL_LIMIT, &status) !=
		PROCESS_EXITED ||
	    status == NO_RIGHTS) {
		check_finding(c, FINDING_UNKNOWN,
		    "what %s may do cannot be found out now", a->name);
		return -1;
	}
	return status;
}

int
check_runnable(void *path)
{
	return access(path, X_OK) == 0 ? 0 : errno;
}

void
check_rights(struct check *c)
{
	check_landlock(c);
	if (geteuid() != 0) {
		check_finding(c, FINDING_WARNING,
		    "not root: all files will belong to uid %d",
		    (int)geteuid());
		return;
	}
	check_session_user(c);
	check_roles(c);
}
