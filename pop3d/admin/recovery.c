/* SPDX-License-Identifier: ISC */
/* Takes hold of each mailbox that has something undone, as its owner. */
#include "pop3d/admin/recovery.h"

#include "common/log.h"
#include "common/privilege.h"
#include "common/users.h"
#include "spool/intent.h"
#include "spool/journal.h"
#include "spool/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { TIMEOUT = 60 * 1000 };

/* Whether something waits in the user's directory. */
static bool
undone(int users, const char *name)
{
	int directory = openat(users, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory == -1) {
		return false;
	}
	bool result = journal_exists(directory) || intent_pending(directory);
	close(directory);
	return result;
}

/* In a process of its own: becomes the owner for good. */
static int
recover_user(
    const struct config *config, const struct names *names, const char *user)
{
	struct account account;
	struct store store;
	struct hold hold;

	if (account_find(config, names, user, &account) != STATUS_OK ||
	    account_mailbox(config, &account, store.mailbox) == -1 ||
	    account_directory(config, &account, store.directory) == -1 ||
	    privilege_become(account.uid, account.gid,
		privilege_spool_group(store.mailbox)) == -1) {
		log_error("cannot find or become the owner of the mailbox of "
			  "%s",
		    user);
		return EX_NOUSER;
	}
	if (store_take(&hold, &store, LOCK_TO_WRITE, TIMEOUT) == -1) {
		log_error(
		    "cannot recover %s: %s", store.mailbox, strerror(errno));
		return errno == ENOENT ? EX_OK : EX_TEMPFAIL;
	}
	store_release(&hold);
	log_info("recovered %s", store.mailbox);
	return EX_OK;
}

static int
recover_in_child(
    const struct config *config, const struct names *names, const char *user)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(recover_user(config, names, user));
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1) {
		log_error("cannot fork: %s", strerror(errno));
		return EX_OSERR;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

int
recovery_run(const struct config *config, int count, char **words)
{
	char path[PATH_MAX], error[CONFIG_ERROR];
	struct names *names = names_load(config, false, error);
	const struct dirent *entry;
	int result = EX_OK;

	(void)count;
	(void)words;
	if (names == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	int n = snprintf(path, sizeof(path), "%s/users", config->state);
	DIR *d = n < (int)sizeof(path) ? opendir(path) : NULL;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] != '.' &&
		    undone(dirfd(d), entry->d_name)) {
			int one =
			    recover_in_child(config, names, entry->d_name);
			result = one != EX_OK ? one : result;
		}
	}
	if (d != NULL) {
		closedir(d);
	} else if (errno != ENOENT) {
		log_error("cannot read %s: %s", path, strerror(errno));
		result = EX_NOINPUT;
	}
	names_free(names);
	return result;
}
