/* SPDX-License-Identifier: ISC */
/* Opens each mailbox that needs recovery, as its owner. */
#include "pop3d/admin/admin.h"

#include "common/log/log.h"
#include "common/login/users.h"
#include "pop3d/admin/owner_private.h"
#include "spool/append_note.h"
#include "spool/journal.h"
#include "spool/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	TIMEOUT = 60 * 1000,
	LOOK = 10 * 1000,                /* ms for two small files */
	LIMIT = TIMEOUT + 4 * 60 * 1000, /* a journal may hold a mailbox */
};

/* As the owner.  EX_OK; EX_DATAERR: there is something to recover. */
static int
look_for_work(int directory, void *context)
{
	(void)context;
	return journal_exists(directory) || append_note_pending(directory)
	           ? EX_DATAERR
	           : EX_OK;
}

/*
 * EX_DATAERR if there is a journal or a note of an append in the directory;
 * else EX_OK, or why that could not be found out.  Root looks at nothing but
 * the names.
 */
static int
needs_recovery(int users, const char *name)
{
	struct stat st;
	int directory = openat(users, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory == -1 && (errno == ENOENT || errno == ENOTDIR)) {
		return EX_OK;
	}
	if (directory == -1) {
		log_error("cannot find out whether the mailbox of %s needs "
			  "recovery: users/%s: %s",
		    name, name, strerror(errno));
		return EX_TEMPFAIL;
	}
	bool any =
	    fstatat(directory, "journal", &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(directory, "append", &st, AT_SYMLINK_NOFOLLOW) == 0;
	int result =
	    any ? owner_run_in(directory, look_for_work, NULL, LOOK) : EX_OK;
	close(directory);
	return result;
}

static int
recover_mailbox(const struct store *store, void *context)
{
	struct hold hold;

	(void)context;
	if (store_take(&hold, store, LOCK_TO_WRITE, TIMEOUT) == -1) {
		log_error(
		    "cannot recover %s: %s", store->mailbox, strerror(errno));
		return errno == ENOENT ? EX_OK : EX_TEMPFAIL;
	}
	lock_collect(&hold.lock);
	store_release(&hold);
	log_info("recovered %s", store->mailbox);
	return EX_OK;
}

static int
recover_user(const struct config *config, const struct names *names, int users,
    const char *name)
{
	int needed = needs_recovery(users, name);

	return needed == EX_DATAERR ? owner_run(config, names, name,
					  recover_mailbox, NULL, LIMIT)
	                            : needed;
}

int
admin_recover(const struct config *config)
{
	char path[PATH_MAX], error[CONFIG_ERROR];
	struct names *names = names_load(config, error);
	const struct dirent *entry;
	int result = EX_OK;

	if (names == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	int n = snprintf(path, sizeof(path), "%s/users", config->state);
	DIR *d = n < (int)sizeof(path) ? opendir(path) : NULL;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] != '.') {
			int one = recover_user(
			    config, names, dirfd(d), entry->d_name);
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
