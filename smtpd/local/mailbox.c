/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until it has become the owner. */
#include "smtpd/local/mailbox.h"

#include "common/text/idna.h"
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
never_fits(const struct local_mail *m, uint64_t quota)
{
	struct stat st;
	uint64_t size = m->text != NULL          ? m->len
	                : fstat(m->fd, &st) == 0 ? (uint64_t)st.st_size
	                                         : 0;

	return quota != 0 && size >= quota;
}

static enum status
why_not(const char *path, uint64_t quota, int error, char why[LOCAL_WHY])
{
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

int
local_confine(struct store *store, struct lock_stock *locks, size_t times,
    char why[LOCAL_WHY])
{
	if (confine_to_store(store, locks, LOCK_TO_CREATE, times) == -1) {
		snprintf(why, LOCAL_WHY, "cannot confine a delivery: %s",
		    strerror(errno));
		return -1;
	}
	idna_use(NULL, NULL); /* nothing can be loaded from here on */
	return 0;
}

void
local_append_all(const struct config *config, const char *user,
    const struct store *store, struct local_mail *list, size_t n, int patience)
{
	uint64_t quota = user == NULL ? 0 : limits_of(&config->quota, user);
	struct append appends[APPEND_MOST];
	struct local_mail *tried[APPEND_MOST];
	int errors[APPEND_MOST];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct local_mail *m = &list[i];
		if (never_fits(m, quota)) {
			snprintf(m->why, LOCAL_WHY,
			    "the message is larger than the mailbox may be "
			    "(quota: %llu octets)",
			    (unsigned long long)quota);
			m->status = STATUS_NO;
			continue;
		}
		appends[count] = (struct append){ .store = store,
			.sender = m->sender,
			.when = time(NULL),
			.message = m->fd,
			.text = m->text,
			.len = m->len,
			.timeout = patience,
			.flags_room = user != NULL && config->mark_as_read,
			.quota = quota };
		tried[count++] = m;
	}
	bool open = count == 0 || append_messages(appends, count, errors) == 0;
	int error = errno;
	for (size_t i = 0; i < count; i++) {
		error = open ? errors[i] : error;
		tried[i]->replaced = error == ESTALE;
		tried[i]->status = error == 0 ? STATUS_OK
		                              : why_not(store->mailbox, quota,
						    error, tried[i]->why);
	}
}

enum status
local_append(const struct config *config, const char *user,
    const struct store *store, const char *sender, int message, int patience,
    char why[LOCAL_WHY])
{
	struct local_mail m = { .sender = sender, .fd = message };
	struct store confined = *store;
	struct lock_stock locks;

	if (local_confine(&confined, &locks, 1, why) == -1) {
		return STATUS_TEMPORARY;
	}
	local_append_all(config, user, &confined, &m, 1, patience);
	strlcpy(why, m.why, LOCAL_WHY);
	return m.status;
}
