/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until it has become who has logged in. */
#include "smtpd/worker/login.h"

#include "common/login/last_login.h"
#include "common/login/login.h"
#include "common/login/users.h"
#include "common/process/privilege.h"

#include <limits.h>
#include <sys/stat.h>

enum status
login_noted_run(const struct task *task)
{
	const struct login *l = task->payload;
	char user[USER_NAME + 1], directory[PATH_MAX];
	struct account account;
	enum status status = login_run(task);

	if (status != STATUS_OK || !user_name(task->config, l->name, user) ||
	    account_find(task->config, task->names, user, &account) !=
		STATUS_OK ||
	    account_directory(task->config, &account, directory) == -1 ||
	    privilege_become(account.uid, account.gid, (gid_t)-1) == -1) {
		return status;
	}
	umask(077);
	last_login_note(
	    directory, LAST_LOGIN_SMTP, task->peer->address, task->tls);
	return status;
}
