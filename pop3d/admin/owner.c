/* SPDX-License-Identifier: ISC */
/* Runs as root (if it was started so) until it has become the owner. */
#include "pop3d/admin/owner_private.h"

#include "common/log/log.h"
#include "spool/become.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static int
as_owner(const struct config *config, const struct names *names,
    const char *user, int (*act)(const struct store *, void *context),
    void *context)
{
	struct account account;
	struct store store;

	if (become_owner(config, names, user, &account, &store) != BECOME_OK) {
		log_error("cannot find or become the owner of the mailbox of "
			  "%s",
		    user);
		return EX_NOUSER;
	}
	return act(&store, context);
}

int
owner_run(const struct config *config, const struct names *names,
    const char *user, int (*act)(const struct store *, void *context),
    void *context)
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		status = as_owner(config, names, user, act, context);
		_exit(fflush(stdout) == 0 ? status : EX_IOERR);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1) {
		log_error("cannot fork: %s", strerror(errno));
		return EX_OSERR;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}
