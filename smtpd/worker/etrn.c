/* SPDX-License-Identifier: ISC */
/* ETRN: messages for a domain come out of deferred/ into active/. */
#include "smtpd/worker/etrn.h"

#include "common/log/log.h"
#include "smtpd/job/requests.h"
#include "spool/queue.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

bool
etrn_matches(const char *address, const char *domain)
{
	const char *at = strrchr(address, '@');
	bool below = *domain == '@';
	size_t len = strlen(domain + below);

	if (at == NULL) {
		return false;
	}
	size_t have = strlen(++at);
	if (have < len || strcasecmp(at + have - len, domain + below) != 0) {
		return false;
	}
	return have == len || (below && at[have - len - 1] == '.');
}

/* Has its recipients there tried at once; true if there are any. */
static bool
hasten(struct queue_file *f, const char *domain)
{
	time_t now = time(NULL);
	bool found = false;

	for (size_t i = 0; i < f->mail.count; i++) {
		const struct recipient *r = &f->mail.recipients[i];
		struct slot_state slot = r->slot;
		if (slot.state != RECIPIENT_WAITING ||
		    r->target != TARGET_ADDRESS ||
		    mail_is_held(&f->mail, &slot, now) ||
		    !etrn_matches(r->text, domain)) {
			continue;
		}
		slot.next = 0;
		if (queue_set(f, i, &slot) == -1) {
			log_error("%s: cannot change the queue file: %s", f->id,
			    strerror(errno));
			break;
		}
		found = true;
	}
	return found && queue_move(f, QUEUE_ACTIVE) == 0;
}

static size_t
hasten_all(struct queue *q, const struct queue_list *list, const char *domain)
{
	struct queue_file f;
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (queue_claim(q, QUEUE_DEFERRED, list->entries[i].id, &f) ==
		    QUEUE_CLAIMED) {
			count += hasten(&f, domain);
			queue_release(&f);
		}
	}
	return count;
}

enum status
etrn_run(const struct task *task)
{
	const char *domain = task->payload;
	struct queue_list list = { .count = 0 };
	struct queue q;

	if (!etrn_allowed(task->config, domain)) {
		return STATUS_NO;
	}
	if (queue_open(&q, task->config->queue) == -1) {
		log_error("cannot open the queue %s: %s", task->config->queue,
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	enum status status = STATUS_TEMPORARY;
	if (queue_scan(&q, QUEUE_DEFERRED, (time_t)-1, &list) == 0) {
		size_t count = hasten_all(&q, &list, domain);
		log_info(
		    "ETRN %s: %zu messages are tried at once", domain, count);
		status = count > 0 ? STATUS_QUEUED : STATUS_OK;
	} else {
		log_error("cannot read the queue %s: %s", task->config->queue,
		    strerror(errno));
	}
	queue_list_free(&list);
	queue_close(&q);
	return status;
}
