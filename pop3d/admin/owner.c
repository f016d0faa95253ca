/* SPDX-License-Identifier: ISC */
/* Runs as root (if it was started so) until it has become the owner. */
#include "pop3d/admin/owner_private.h"

#include "common/log/log.h"
#include "common/process/process.h"
#include "spool/become.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What the process of owner_run() does. */
struct errand {
	pid_t parent;
	const struct config *config;
	const struct names *names;
	const char *user;
	int (*act)(const struct store *, void *context);
	void *context;
};

/* What the process of owner_run_in() does. */
struct visit {
	int directory;
	int (*act)(int directory, void *context);
	void *context;
};

/* The status, unless what was printed is lost. */
static int
keep_status(int status)
{
	return fflush(stdout) == 0 ? status : EX_IOERR;
}

static int
as_owner(void *context)
{
	const struct errand *e = context;
	struct account account;
	struct store store;

	if (become_owner(e->config, e->names, e->user, &account, &store) !=
	    BECOME_OK) {
		log_error("cannot find or become the owner of the mailbox of "
			  "%s",
		    e->user);
		return EX_NOUSER;
	}
	process_end_with_parent(e->parent); /* becoming the owner undid it */
	return keep_status(e->act(&store, e->context));
}

static int
as_owner_of(void *context)
{
	const struct visit *v = context;

	return become_owner_of(v->directory) == -1
	           ? EX_OSERR
	           : keep_status(v->act(v->directory, v->context));
}

static int
run_process(int (*act)(void *context), void *context, int limit)
{
	int status = 0;

	fflush(stdout);
	switch (process_run(act, context, limit, &status)) {
	case PROCESS_EXITED:
		return status;
	case PROCESS_SIGNALED:
		log_error("a process that worked for a user ended by signal %d",
		    status);
		return EX_SOFTWARE;
	case PROCESS_LATE:
		log_error("a process that worked for a user did not end within "
			  "%d seconds, and was killed",
		    limit / 1000);
		return EX_TEMPFAIL;
	case PROCESS_FAILED:
		break;
	}
	log_error("cannot fork: %s", strerror(errno));
	return EX_OSERR;
}

int
owner_run(const struct config *config, const struct names *names,
    const char *user, int (*act)(const struct store *, void *context),
    void *context, int limit)
{
	struct errand e = { .parent = getpid(),
		.config = config,
		.names = names,
		.user = user,
		.act = act,
		.context = context };

	return run_process(as_owner, &e, limit);
}

int
owner_run_in(int directory, int (*act)(int directory, void *context),
    void *context, int limit)
{
	struct visit v = {
		.directory = directory, .act = act, .context = context
	};

	return run_process(as_owner_of, &v, limit);
}

int
owner_run_for(const struct config *config, const char *word,
    int (*act)(const struct store *, void *context), void *context, int limit)
{
	char user[USER_NAME + 1], error[CONFIG_ERROR];

	if (!user_name(config, word, user)) {
		log_error("%s cannot be the name of a user", word);
		return EX_NOUSER;
	}
	struct names *names = names_load(config, error);
	if (names == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	int status = owner_run(config, names, user, act, context, limit);
	names_free(names);
	return status;
}
