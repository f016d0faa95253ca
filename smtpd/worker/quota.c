/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until it has become the mailbox's owner. */
#include "smtpd/worker/quota.h"

#include "smtpd/local/forward.h"
#include "smtpd/local/mailbox.h"

#include <string.h>
#include <sys/stat.h>

bool
quota_valid(const void *payload, size_t size)
{
	struct room r;

	if (size != sizeof(r)) {
		return false;
	}
	memcpy(&r, payload, sizeof(r)); /* it may lie anywhere */
	return r.user[0] != '\0' &&
	       memchr(r.user, '\0', sizeof(r.user)) != NULL;
}

enum status
quota_run(const struct task *task)
{
	const struct room *r = task->payload;
	struct account account;
	struct store store;
	struct stat st;
	char why[LOCAL_WHY];

	/* Whatever hinders us here the delivery sees, too, and says. */
	if (local_become(task->config, task->names, r->user, &account, &store,
		why) != STATUS_OK) {
		return STATUS_OK;
	}
	uint64_t quota = limits_of(&task->config->quota, account.name);
	if (quota == 0 || forward_exists(&account)) {
		return STATUS_OK;
	}
	if (r->size >= quota) {
		return STATUS_NO;
	}
	return lstat(store.mailbox, &st) == 0 &&
	               (uint64_t)st.st_size + r->size >= quota
	           ? STATUS_FULL
	           : STATUS_OK;
}

const char *
quota_refusal(const struct session *s, const char *user)
{
	const struct connection *c = s->connection;
	struct room room = { .size = s->mail.size };

	if (limits_of(&c->config->quota, user) == 0 || c->role == ROLE_LOCAL ||
	    strlcpy(room.user, user, sizeof(room.user)) >= sizeof(room.user)) {
		return NULL;
	}
	switch (channel_call(c->channel, REQUEST_ROOM, &room, sizeof(room))) {
	case STATUS_NO:
		return "552 5.2.2 The message is larger than that mailbox may "
		       "be";
	case STATUS_FULL:
		return "452 4.2.2 That mailbox is full";
	case STATUS_OK:
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_QUEUED:
	case STATUS_LATER:
	case STATUS_LIMITED:
		break;
	}
	return NULL;
}
