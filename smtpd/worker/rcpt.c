/* SPDX-License-Identifier: ISC */
/* What a session asks about a recipient.  Runs as root (if the server does). */
#include "smtpd/worker/rcpt.h"

#include "common/login/users.h"

#include <string.h>

bool
lookup_valid(const void *payload, size_t size)
{
	return size > 1 && size <= USER_NAME + 1 &&
	       memchr(payload, '\0', size) != NULL;
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
