/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until it has become the owner. */
#include "smtpd/local/mailbox.h"

#include "common/privilege.h"
#include "common/tls.h"
#include "spool/append.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LOCK_TIMEOUT = 30 * 1000 };

enum status
local_become(const struct config *config, const struct names *names,
    const char *name, struct account *account, struct store *store,
    char why[LOCAL_WHY])
{
	char user[USER_NAME + 1];

	if (!user_name(config, name, user) ||
	    account_find(config, names, user, account) != STATUS_OK ||
	    account_mailbox(config, account, store->mailbox) == -1 ||
	    account_directory(config, account, store->directory) == -1) {
		snprintf(why, LOCAL_WHY, "no mailbox found");
		return STATUS_TEMPORARY;
	}
	if (privilege_become(account->uid, account->gid,
		privilege_spool_group(store->mailbox)) == -1) {
		snprintf(why, LOCAL_WHY, "cannot become the owner of %.400s",
		    store->mailbox);
		return STATUS_TEMPORARY;
	}
	umask(077);
	return STATUS_OK;
}

static enum status
why_not(const char *path, char why[LOCAL_WHY])
{
	enum status status =
	    errno == EWOULDBLOCK ? STATUS_LOCKED
	    : errno == ENOSPC || errno == EDQUOT || errno == EFBIG
		? STATUS_FULL
		: STATUS_TEMPORARY;

	snprintf(why, LOCAL_WHY, "%.400s: %s", path,
	    status == STATUS_LOCKED ? "locked by another program"
				    : strerror(errno));
	return status;
}

enum status
local_append(const struct store *store, const char *sender, int message,
    char why[LOCAL_WHY])
{
	struct append a = { .store = store,
		.sender = sender,
		.when = time(NULL),
		.message = message,
		.timeout = LOCK_TIMEOUT,
		.digest = tls_loaded() };

	return append_message(&a) == 0 ? STATUS_OK
	                               : why_not(store->mailbox, why);
}
