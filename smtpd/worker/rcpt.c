/* SPDX-License-Identifier: ISC */
/*
 * Decides what sessions ask about recipients.  Runs as root (if the server
 * does) until a quota is looked at, as the owner of the mailbox.
 */
#include "smtpd/worker/rcpt.h"

#include "common/log/stats.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/mailbox.h"
#include "smtpd/route/expand.h"
#include "smtpd/worker/greylist.h"

#include <string.h>
#include <sys/stat.h>

static bool
ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool
rcpt_valid(const void *payload, size_t size)
{
	const struct rcpt_question *q = payload;

	return size == sizeof(*q) && (q->ask & ~(uint32_t)RCPT_ASKS) == 0 &&
	       ends(q->whole, sizeof(q->whole)) &&
	       ends(q->user, sizeof(q->user)) &&
	       ends(q->sender, sizeof(q->sender)) &&
	       ends(q->rcpt, sizeof(q->rcpt));
}

/* ---- the user ---- */

static enum rcpt_result
look_up(const struct task *task, const char *name)
{
	char user[USER_NAME + 1];
	struct account account;

	if (name[0] == '\0' || !user_name(task->config, name, user)) {
		return RCPT_NO;
	}
	switch (account_find(task->config, task->names, user, &account)) {
	case STATUS_OK:
		return RCPT_OK;
	case STATUS_NO:
		return RCPT_NO;
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_FULL:
	case STATUS_QUEUED:
	case STATUS_LATER:
	case STATUS_LIMITED:
		break;
	}
	return RCPT_TEMPORARY;
}

/* Finds the account that is meant; *found says which. */
static enum rcpt_result
find_user(
    const struct task *task, const struct rcpt_question *q, uint32_t *found)
{
	*found = q->user[0] == '\0' ? RCPT_FOUND_ALIAS : RCPT_FOUND_USER;
	if ((q->ask & RCPT_LOOKUP) == 0) {
		return RCPT_OK;
	}
	enum rcpt_result result = look_up(task, q->whole);
	if (result == RCPT_OK) {
		*found = RCPT_FOUND_WHOLE;
	}
	if (result == RCPT_NO) {
		result = look_up(task, q->user);
	}
	if (result == RCPT_NO && (q->ask & RCPT_OR_ALIAS) != 0) {
		*found = RCPT_FOUND_ALIAS;
		result = RCPT_OK;
	}
	return result;
}

/* ---- reports on forwarded mail ---- */

/* The address may be a sender of ours: nothing but its hash knows. */
static enum rcpt_result
check_report(
    const struct task *task, const struct rcpt_question *q, uint32_t *found)
{
	const struct expand e = { .config = task->config };
	char original[ADDRESS_TEXT];

	switch (expand_rewritten(&e, q->rcpt, original)) {
	case SRS_GOOD:
		*found = RCPT_FOUND_SENDER;
		stats_add(STATS_SRS_IN, 1);
		return RCPT_OK;
	case SRS_UNKNOWN:
		return RCPT_TEMPORARY;
	case SRS_FORGED:
	case SRS_EXPIRED:
		stats_add(STATS_SRS_BAD, 1);
		break;
	case SRS_NONE:
		break;
	}
	return RCPT_NO;
}

/* ---- the quota ---- */

static bool
is_mailbox(uint32_t found)
{
	return found == RCPT_FOUND_USER || found == RCPT_FOUND_WHOLE;
}

/*
 * Becomes the owner of the mailbox for good.  Better no mail is taken than mail
 * that cannot be delivered; what counts is the delivery, which looks again
 * under the lock, and says what hinders it.  Mail for a user who has a .forward
 * is not the mailbox's.
 */
static enum rcpt_result
check_quota(const struct task *task, const char *user, uint64_t size)
{
	struct account account;
	struct store store;
	struct stat st;
	char why[LOCAL_WHY];

	if (task->wary || limits_of(&task->config->quota, user) == 0 ||
	    local_become(task->config, task->names, user, &account, &store,
		why) != STATUS_OK) {
		return RCPT_OK;
	}
	uint64_t quota = limits_of(&task->config->quota, account.name);
	if (quota == 0 || forward_exists(task->config, &account)) {
		return RCPT_OK;
	}
	if (size >= quota) {
		return RCPT_TOO_BIG;
	}
	return lstat(store.mailbox, &st) == 0 &&
	               (uint64_t)st.st_size + size >= quota
	           ? RCPT_FULL
	           : RCPT_OK;
}

/* ---- all of it ---- */

static enum rcpt_result
check_greylist(const struct task *task, const struct rcpt_question *q,
    struct table *t, struct rcpt_answer *a)
{
	struct greylist_mail mail;

	strlcpy(mail.sender, q->sender, sizeof(mail.sender));
	strlcpy(mail.rcpt, q->rcpt, sizeof(mail.rcpt));
	switch (greylist_ask(t, task->config, task->peer->address, &mail)) {
	case GREYLIST_WAIT:
		return RCPT_GREY;
	case GREYLIST_FAILED:
		a->greylist_failed = 1;
		break;
	case GREYLIST_PASS:
		break;
	}
	return RCPT_OK;
}

/*
 * The order of the refusals: unknown users are never greylisted, and a mailbox
 * that is full is told of before a client is sent away to come again.
 */
static void
decide(const struct task *task, const struct rcpt_question *q,
    struct rcpt_answer *a)
{
	bool grey = (q->ask & RCPT_GREYLIST) != 0;
	struct table table;

	bool report = (q->ask & RCPT_REPORT) != 0;

	a->result = report && (q->ask & RCPT_LOOKUP) == 0
	                ? RCPT_NO
	                : find_user(task, q, &a->found);
	if (a->result == RCPT_NO && report) {
		a->result = check_report(task, q, &a->found);
	}
	if (a->result != RCPT_OK) {
		return;
	}
	if (grey && !greylist_open(&table, task->config)) { /* as root */
		a->greylist_failed = 1;
		grey = false;
	}
	if ((q->ask & RCPT_QUOTA) != 0 && is_mailbox(a->found)) {
		bool whole = a->found == RCPT_FOUND_WHOLE;
		a->result =
		    check_quota(task, whole ? q->whole : q->user, q->size);
	}
	if (grey && a->result == RCPT_OK) {
		a->result = check_greylist(task, q, &table, a);
	}
}

enum status
rcpt_run(const struct task *task)
{
	struct rcpt_answer answer = { .result = RCPT_OK };

	decide(task, task->payload, &answer);
	memcpy(task->reply->data, &answer, sizeof(answer));
	task->reply->size = sizeof(answer);
	return STATUS_OK;
}
