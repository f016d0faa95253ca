/* SPDX-License-Identifier: ISC */
/*
 * Local delivery, in a worker.  Runs as root (if the server does) until it
 * has found the mailbox's owner, and appends as that owner.  With several
 * recipients each has a process of its own, so that they wait for their disks
 * and locks together.
 */
#include "smtpd/delivery.h"

#include "common/log.h"
#include "common/privilege.h"
#include "common/tls.h"
#include "spool/append.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TIMEOUT = 30 * 1000 };

static bool
terminated(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

bool
delivery_valid(const void *payload, size_t size)
{
	const struct delivery *d = payload;

	if (size < DELIVERY_SIZE(1) || d->count == 0 ||
	    d->count > ENVELOPE_RCPTS || size != DELIVERY_SIZE(d->count) ||
	    !terminated(d->id, sizeof(d->id)) ||
	    !terminated(d->sender, sizeof(d->sender))) {
		return false;
	}
	for (const char *p = d->sender; *p != '\0'; p++) {
		if (*p < ' ' || *p >= 0x7f) {
			return false;
		}
	}
	for (uint32_t i = 0; i < d->count; i++) {
		if (!terminated(d->users[i], sizeof(d->users[i]))) {
			return false;
		}
	}
	return true;
}

bool
lookup_valid(const void *payload, size_t size)
{
	return size > 1 && size <= USER_NAME + 1 && terminated(payload, size);
}

static enum status
why_not(const char *id, const char *user, const char *path)
{
	enum status status =
	    errno == EWOULDBLOCK ? STATUS_LOCKED
	    : errno == ENOSPC || errno == EDQUOT || errno == EFBIG
		? STATUS_FULL
		: STATUS_TEMPORARY;

	log_error("%s: to=<%s>, status=deferred (%s: %s)", id, user, path,
	    status == STATUS_LOCKED ? "locked by another program"
				    : strerror(errno));
	return status;
}

/* Becomes the user for good and appends. */
static enum status
deliver(const struct task *task, const struct delivery *d, const char *name)
{
	struct account account;
	char user[USER_NAME + 1];
	struct store store;

	if (!user_name(task->config, name, user) ||
	    account_find(task->config, task->names, user, &account) !=
		STATUS_OK ||
	    account_mailbox(task->config, &account, store.mailbox) == -1 ||
	    account_directory(task->config, &account, store.directory) == -1) {
		log_error("%s: to=<%s>, status=deferred (no mailbox found)",
		    d->id, name);
		return STATUS_TEMPORARY;
	}
	if (privilege_become(account.uid, account.gid,
		privilege_spool_group(store.mailbox)) == -1) {
		log_error("cannot become the owner of %s", store.mailbox);
		return STATUS_TEMPORARY;
	}
	umask(077);
	struct append a = { .store = &store,
		.sender = d->sender,
		.when = time(NULL),
		.message = task->fd,
		.timeout = LOCK_TIMEOUT,
		.digest = tls_loaded() };
	if (append_message(&a) == -1) {
		return why_not(d->id, user, store.mailbox);
	}
	log_info("%s: to=<%s>, relay=local, dsn=2.0.0, status=sent (delivered "
		 "to mailbox)",
	    d->id, user);
	return STATUS_OK;
}

static pid_t
fork_delivery(const struct task *task, const struct delivery *d, uint32_t i)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit((int)deliver(task, d, d->users[i]));
	}
	return pid;
}

enum status
delivery_run(const struct task *task)
{
	const struct delivery *d = task->payload;
	enum status result = STATUS_OK;
	uint32_t started = 0;
	int status;

	if (d->count == 1) {
		return deliver(task, d, d->users[0]);
	}
	while (started < d->count && fork_delivery(task, d, started) > 0) {
		started++;
	}
	if (started < d->count) {
		log_error("%s: cannot fork: %s", d->id, strerror(errno));
		result = STATUS_TEMPORARY;
	}
	/* The worst news is the news: a session that hears anything but
	   STATUS_OK has its client send the message again. */
	while (started > 0) {
		if (waitpid(-1, &status, 0) == -1) {
			if (errno == EINTR) {
				continue;
			}
			return STATUS_TEMPORARY;
		}
		enum status one = WIFEXITED(status)
		                      ? (enum status)WEXITSTATUS(status)
		                      : STATUS_TEMPORARY;
		result = one != STATUS_OK ? one : result;
		started--;
	}
	return result;
}

enum status
lookup_run(const struct task *task)
{
	struct account account;
	char user[USER_NAME + 1];

	if (!user_name(task->config, task->payload, user)) {
		return STATUS_NO;
	}
	return account_find(task->config, task->names, user, &account);
}
