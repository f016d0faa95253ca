/* SPDX-License-Identifier: ISC */
/* Runs as root (if the server does) until local_become(). */
#include "smtpd/worker/at_once.h"

#include "common/io/deadline.h"
#include "common/job/resident.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/junk.h"
#include "smtpd/local/mailbox.h"
#include "smtpd/queue/delivery_log.h"
#include "smtpd/worker/at_once_private.h"
#include "spool/vacation.h"

#include <stdlib.h>

void
at_once_log(const struct task *task, const struct mail *mail,
    const struct recipient *r, int64_t started, enum status status,
    const char *text)
{
	bool sent = status == STATUS_OK;
	struct delivery_log said = { .part = "local",
		.id = mail->id,
		.config = task->config,
		.to = r,
		.relay = "local",
		.dsn = sent ? "2.0.0" : "4.2.0",
		.status = sent ? "sent" : "deferred",
		.text = text,
		.took = deadline_now() - started,
		.counts = sent ? STATS_DELIVERED : STATS_DEFERRED };

	delivery_log(&said);
}

enum status
at_once_deliver(const struct task *task, const struct mail *mail, size_t i)
{
	const struct recipient *r = &mail->recipients[i];
	/* What is marked may have been kept from others: see expand.h. */
	bool stays = task->jobs > 1 && task->config->junk[0] == '\0' &&
	             task->config->archive_in[0] == '\0' && !mail->marked &&
	             r->given[0] != '\0' &&
	             resident_key(task->secret, r->given) == task->key;
	int64_t started = deadline_now();
	struct account account;
	struct store store;
	struct lock_stock locks = LOCK_STOCK_EMPTY;
	struct local_mail m = { .sender = mail->sender, .fd = task->fd };
	struct forward_place forward = { .folder = -1 };
	bool junk = false;

	m.status = local_become(
	    task->config, task->names, r->text, &account, &store, m.why);
	if (m.status == STATUS_OK && r->owner[0] == '\0' &&
	    (!forward_find(task->config, &account, &forward) ||
		forward_is_there(&forward))) {
		return STATUS_LATER;
	}
	/* The queue has the answer sent. */
	if (m.status == STATUS_OK && mail->sender[0] != '\0' &&
	    vacation_exists(store.directory)) {
		return STATUS_LATER;
	}
	if (m.status == STATUS_OK) {
		junk = junk_choose(task->config, &account, task->fd, &store);
		m.status = local_confine(&store, &locks, stays ? task->jobs : 1,
			       m.why) == -1
		               ? STATUS_TEMPORARY
		               : STATUS_OK;
	}
	if (m.status == STATUS_OK) {
		local_append_all(task->config, account.name, &store, &m, 1,
		    LOCAL_LOCK_AT_ONCE);
	}
	if (m.status != STATUS_OK) {
		at_once_log(task, mail, r, started, m.status, m.why);
		lock_stock_close(&locks);
		return STATUS_LATER;
	}
	if (junk) {
		stats_add(STATS_JUNK, 1);
	}
	at_once_log(task, mail, r, started, STATUS_OK,
	    junk ? "delivered to junk" : "delivered to mailbox");
	if (stays) {
		const struct resident_owner owner = { .task = task,
			.recipient = r,
			.account = &account,
			.forward = &forward,
			.store = &store,
			.locks = &locks };
		at_once_stay(&owner);
	}
	return STATUS_OK;
}
