/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until it has become the user. */
#include "smtpd/worker/login.h"

#include "common/login/last_login.h"
#include "common/login/login.h"
#include "spool/become.h"

enum status
login_noted_run(const struct task *task)
{
	const struct login *l = task->payload;
	struct account account;
	struct store store;
	enum status status = login_run(task);

	if (status == STATUS_OK &&
	    become_owner(task->config, task->names, l->name, &account,
		&store) == BECOME_OK) {
		last_login_note(store.directory, LAST_LOGIN_SMTP,
		    task->peer->address, task->tls);
	}
	return status;
}
