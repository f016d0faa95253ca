/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until it has become the owner. */
#include "smtpd/local/mailbox.h"

#include "spool/append.h"
#include "spool/become.h"
#include "spool/confine.h"
#include "spool/foreign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum status
local_become(const struct config *config, const struct names *names,
    const char *name, struct account *account, struct store *store,
    char why[LOCAL_WHY])
{
	switch (become_owner(config, names, name, account, store)) {
	case BECOME_OK:
		return STATUS_OK;
	case BECOME_NO_MAILBOX:
		snprintf(why, LOCAL_WHY, "no mailbox found");
		return STATUS_TEMPORARY;
	case BECOME_NO_RIGHTS:
		snprintf(why, LOCAL_WHY, "cannot become the owner of %.400s",
		    store->mailbox);
		return STATUS_TEMPORARY;
	}
	return STATUS_TEMPORARY;
}

/* True if the message is too large even for an empty mailbox. */
static bool
never_fits(int message, uint64_t quota)
{
	struct stat st;

	return quota != 0 && fstat(message, &st) == 0 &&
	       (uint64_t)st.st_size >= quota;
}

static enum status
why_not(const char *path, uint64_t quota, char why[LOCAL_WHY])
{
	int error = errno;
	char text[FOREIGN_TEXT];

	if (error == EDQUOT && quota != 0) {
		snprintf(why, LOCAL_WHY,
		    "%.300s: the mailbox is full (quota: %llu octets)", path,
		    (unsigned long long)quota);
		return STATUS_FULL;
	}
	foreign_why(error, path, text);
	snprintf(why, LOCAL_WHY, "%.300s: %.200s", path,
	    error == EWOULDBLOCK ? "locked by another program" : text);
	return error == EWOULDBLOCK ? STATUS_LOCKED
	       : error == ENOSPC || error == EDQUOT || error == EFBIG
	           ? STATUS_FULL
	           : STATUS_TEMPORARY;
}

enum status
local_append(const struct config *config, const char *user,
    const struct store *store, const char *sender, int message, int patience,
    char why[LOCAL_WHY])
{
	uint64_t quota = user == NULL ? 0 : limits_of(&config->quota, user);
	struct store confined = *store;
	struct lock_stock locks;
	struct append a = { .store = &confined,
		.sender = sender,
		.when = time(NULL),
		.message = message,
		.timeout = patience,
		.flags_room = user != NULL && config->mark_as_read,
		.quota = quota };

	if (never_fits(message, quota)) {
		snprintf(why, LOCAL_WHY,
		    "the message is larger than the mailbox may be (quota: "
		    "%llu octets)",
		    (unsigned long long)quota);
		return STATUS_NO;
	}
	if (confine_to_store(&confined, &locks, LOCK_TO_CREATE) == -1) {
		snprintf(why, LOCAL_WHY, "cannot confine a delivery: %s",
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	return append_message(&a) == 0 ? STATUS_OK
	                               : why_not(store->mailbox, quota, why);
}
