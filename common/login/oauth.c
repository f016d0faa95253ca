/* SPDX-License-Identifier: ISC */
/* Asks a helper about a token.  Runs as root, if the server was started so. */
#include "common/login/oauth.h"

#include "common/log/log.h"
#include "common/login/users.h"
#include "common/login/helper.h"
#include "common/names/passwd.h"
#include "common/sasl/sasl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LIMIT = 10 * 1000, /* ms: the client waits, and so do queued checks */
	QUESTION = LOGIN_CHALLENGE + 2 * LOGIN_NAME + LOGIN_SECRET + 256,
	SAID = 200, /* octets of its words in the log */
};

/* "key value" lines; the token is the last, and never in the arguments. */
static size_t
write_question(const struct task *task, const struct login *l, const char *user,
    char question[QUESTION])
{
	/* "HOST PORT", as the client has it; for commands that care. */
	size_t host = strcspn(l->secret, " ");
	const char *port = l->secret + host + (l->secret[host] == ' ');

	int n = snprintf(question, QUESTION,
	    "mechanism %s\nservice %s\nclient %s\nhost %.*s\nport %s\n"
	    "user %s\ntoken %s\n",
	    sasl_name(l->mechanism), task->service, task->peer->address,
	    (int)host, l->secret, port, user, l->challenge);
	return n < 0 || n >= QUESTION ? 0 : (size_t)n;
}

/* Finds the user that runs the program.  false: there is none, logged. */
static bool
find_owner(const struct config *config, struct helper *h)
{
	if (geteuid() != 0) {
		return true;
	}
	const char *name = account_oauth_owner(config);
	const struct passwd *pw = passwd_by_name(name);
	if (pw == NULL || pw->pw_uid == 0) {
		log_error("oauth-owner names %s: %s", name,
		    pw != NULL   ? "nothing is run as root"
		    : errno != 0 ? "it cannot be asked for now"
				 : "there is no such account");
		return false;
	}
	h->uid = pw->pw_uid;
	h->gid = pw->pw_gid;
	return true;
}

/* True unless the answer says that the token belongs to another user. */
static bool
is_of(const struct config *config, const char *user, char *said)
{
	char name[USER_NAME + 1];

	said[strcspn(said, "\r\n")] = '\0';
	return said[0] == '\0' ||
	       (user_name(config, said, name) && strcmp(name, user) == 0);
}

static enum status
judge(const struct task *task, const char *user, enum process_end end,
    struct helper_answer *a)
{
	switch (end) {
	case PROCESS_EXITED:
		break;
	case PROCESS_SIGNALED:
		log_error("oauth-command ended by signal %d", a->status);
		return STATUS_TEMPORARY;
	case PROCESS_LATE:
		log_error("oauth-command did not end within %d seconds",
		    LIMIT / 1000);
		return STATUS_TEMPORARY;
	case PROCESS_FAILED:
		log_error("cannot run oauth-command: %s", strerror(errno));
		return STATUS_TEMPORARY;
	}
	if (a->status > 1) {
		a->err[strcspn(a->err, "\r\n")] = '\0';
		log_error("oauth-command ended with status %d: %.*s", a->status,
		    SAID, a->err);
		return STATUS_TEMPORARY;
	}
	if (a->status == 1) {
		return STATUS_NO;
	}
	if (!is_of(task->config, user, a->out)) {
		log_warn("the token that came for %s is one of %.*s", user,
		    SAID, a->out);
		return STATUS_NO;
	}
	return STATUS_OK;
}

enum status
oauth_check(const struct task *task, const struct login *l, const char *user)
{
	char question[QUESTION];
	struct helper h = { .command = task->config->oauth_command,
		.question = question,
		.limit = LIMIT };
	struct helper_answer answer;
	enum status result = STATUS_TEMPORARY;

	if (user[0] == '\0' || l->challenge[0] == '\0') {
		return STATUS_NO; /* no user to run it, or no program */
	}
	h.size = write_question(task, l, user, question);
	if (h.size > 0 && h.command[0] != '\0' &&
	    find_owner(task->config, &h)) {
		enum process_end end = helper_run(&h, &answer);
		result = judge(task, user, end, &answer);
	}
	explicit_bzero(question, sizeof(question));
	return result;
}
