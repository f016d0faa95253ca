/* SPDX-License-Identifier: ISC */
/* Runs as the owner of the mailbox. */
#include "smtpd/local/junk.h"

#include "common/auth/results.h"
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/local/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOKED_AT = 64 * 1024, /* octets of a header section */
	LIMIT = 10 * 1000,     /* ms for that */
	MARKED = 1,            /* an exit status */
};

/* True if the mark is in the header section; ours is at its top. */
static bool
has_mark(int message)
{
	static char text[LOOKED_AT];
	ssize_t n = file_read_some(message, text, sizeof(text), 0);
	const char *at = text, *end = text + (n > 0 ? n : 0);
	struct field f;

	while (header_next(&at, end, &f)) {
		if (results_is_mark(&f)) {
			return true;
		}
	}
	return false;
}

static int
judge(void *context)
{
	const int *message = context;

	if (sandbox_task(SANDBOX_JUDGE, NULL) == -1) {
		log_error("cannot confine a process: %s", strerror(errno));
		return 0;
	}
	return has_mark(*message) ? MARKED : 0;
}

/*
 * A stranger has written that, and the delivery is confined only when it is
 * known where it goes: so a process of its own looks.  What it says decides
 * between two files of the owner.
 */
static bool
is_marked(int message)
{
	int status = 0;

	return process_run(judge, &message, LIMIT, &status) == PROCESS_EXITED &&
	       status == MARKED;
}

/* True if the owner can make files beside it, such as its lock. */
static bool
has_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	if (n == 0) {
		errno = ENOENT;
		return false;
	}
	memcpy(folder, path, n);
	folder[n] = '\0';
	return access(folder, W_OK | X_OK) == 0;
}

bool
junk_choose(const struct config *config, const struct account *account,
    int message, struct store *store)
{
	char path[PATH_MAX];

	if (config->junk[0] == '\0' || !is_marked(message)) {
		return false;
	}
	if (account_junk(config, account, path) == -1) {
		log_warn("junk: %s has no path there: the mailbox gets it",
		    account->name);
		return false;
	}
	if (!has_folder(path)) {
		log_warn("junk: %s cannot be made (%s): the mailbox gets it; "
			 "make its folder for %s",
		    path, strerror(errno), account->name);
		return false;
	}
	strlcpy(store->mailbox, path, sizeof(store->mailbox));
	file_notes(store->mailbox, store->directory);
	return true;
}
