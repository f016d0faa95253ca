/* SPDX-License-Identifier: ISC */
/* Runs as root (if the runner does) until it has found the owner. */
#include "smtpd/local/deliver.h"

#include "common/io/file.h"
#include "common/log/stats.h"
#include "smtpd/local/file.h"
#include "smtpd/local/junk.h"
#include "smtpd/local/mailbox.h"
#include "smtpd/local/owner.h"
#include "smtpd/local/pipe.h"
#include "spool/vacation.h"

#include <errno.h>
#include <unistd.h>

static const char *
status_dsn(enum status status)
{
	return status == STATUS_LOCKED ? "4.2.0"
	       : status == STATUS_FULL ? "4.2.2"
	                               : "4.3.0";
}

/* Delivers to a mailbox, or gives back the text of ~/.forward. */
static void
deliver_user(
    const struct deliver *d, struct verdict *v, char text[FORWARD_SIZE])
{
	struct account account;
	struct store store;
	char why[LOCAL_WHY];
	size_t len = 0;
	bool junk = false, confined = false, away = false;
	bool at_once =
	    d->mode == DELIVER_MAILBOX || d->recipient->owner[0] != '\0';
	enum status status = local_become(
	    d->config, d->names, d->recipient->text, &account, &store, why);

	enum forward forward =
	    status == STATUS_OK && !at_once
		? forward_read(d->config, &account, text, &len, &confined, why)
		: FORWARD_NONE;
	if (forward == FORWARD_TEXT || (forward == FORWARD_NONE && confined)) {
		verdict_set(v, OUTCOME_EXPANDED, "2.0.0", "forwarded");
		v->forward = (uint32_t)len;
		v->mailbox = forward == FORWARD_NONE;
		return;
	}
	if (forward == FORWARD_TROUBLE) {
		status = STATUS_TEMPORARY;
	} else if (status == STATUS_OK) {
		away = account.uid != 0 && d->message->mail.sender[0] != '\0' &&
		       vacation_exists(store.directory);
		junk =
		    junk_choose(d->config, &account, d->message->text, &store);
		status = local_append(d->config, account.name, &store,
		    d->message->mail.sender, d->message->text, LOCAL_LOCK, why);
	}
	if (status == STATUS_OK) {
		if (junk) {
			stats_add(STATS_JUNK, 1);
		}
		verdict_set(v, OUTCOME_SENT, "2.0.0", "delivered to %s",
		    junk ? "junk" : "mailbox");
		v->away = away && !junk;
	} else if (status == STATUS_NO) {
		verdict_set(v, OUTCOME_FAILED, "5.2.2", "%s", why);
	} else {
		verdict_set(v, OUTCOME_DEFERRED, status_dsn(status), "%s", why);
	}
}

static void
deliver_pipe(const struct deliver *d, struct verdict *v)
{
	struct account owner;
	char why[LOCAL_WHY];

	if (owner_find(d->recipient->owner, &owner, why) == -1 ||
	    owner_become(d->config, &owner, NULL, why) == -1) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.5", "%.200s: %s",
		    d->recipient->text, why);
		return;
	}
	struct pipe_command command = { .text = d->recipient->text,
		.owner = &owner,
		.sender = d->message->mail.sender,
		.recipient = d->recipient->given,
		.delimiters = d->config->subaddress,
		.message = d->message->text,
		.limit = DELIVER_LIMIT,
		.grace = DELIVER_GRACE };
	pipe_run(&command, v);
}

int
deliver_recipient(const struct deliver *d, int out)
{
	static char text[FORWARD_SIZE];
	struct verdict v;

	switch (d->recipient->target) {
	case TARGET_USER:
		deliver_user(d, &v, text);
		break;
	case TARGET_FILE:
		file_deliver(d, &v);
		break;
	case TARGET_PIPE:
		deliver_pipe(d, &v);
		break;
	case TARGET_ADDRESS:
		/* The runner routes those: our own bug. */
		verdict_set(&v, OUTCOME_DEFERRED, "4.3.5",
		    "internal error: remote address given to the local agent");
		break;
	}
	return file_append(out, &v, sizeof(v)) == 0 &&
	               file_append(out, text, v.forward) == 0
	           ? 0
	           : -1;
}
