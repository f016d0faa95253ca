/* SPDX-License-Identifier: ISC */
/* Counts what accounts have sent lately.  Runs as root (if the server does). */
#include "smtpd/worker/allowance.h"

#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/route/archive.h"
#include "smtpd/send/identity.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	HOUR = 60 * 60,
	TRUSTED = 200, /* messages of a name of "trust" */
	/* Values of a record: */
	WHEN = 0, /* hours since 1970 */
	MESSAGES = 1,
	RECIPIENTS = 2,
	MESSAGES_BEFORE = 3, /* in the hour before */
	RECIPIENTS_BEFORE = 4,
};

/* ---- pure ---- */

/* Turns the record to this hour.  A clock that was set back changes nothing. */
static void
advance_hour(struct table_record *r, uint32_t hour)
{
	uint32_t *v = r->values;

	if (v[WHEN] < hour) {
		bool next = v[WHEN] + 1 == hour;
		v[MESSAGES_BEFORE] = next ? v[MESSAGES] : 0;
		v[RECIPIENTS_BEFORE] = next ? v[RECIPIENTS] : 0;
		v[MESSAGES] = v[RECIPIENTS] = 0;
	}
	v[WHEN] = hour;
}

/* True if there is room for n more. */
static bool
has_room(
    uint64_t limit, uint32_t before, uint32_t here, uint32_t n, uint32_t into)
{
	uint64_t past = ((uint64_t)before * (HOUR - into) + HOUR - 1) / HOUR;

	return limit == 0 || past + here + n <= limit;
}

bool
allowance_fits(struct table_entry *e, const struct allowance *a, uint32_t now,
    uint32_t recipients)
{
	uint32_t *v = e->record.values;
	uint32_t into = now % HOUR;

	advance_hour(&e->record, now / HOUR);
	e->record.expires = now - into + 2 * HOUR;
	if (!has_room(a->messages, v[MESSAGES_BEFORE], v[MESSAGES], 1, into) ||
	    !has_room(a->recipients, v[RECIPIENTS_BEFORE], v[RECIPIENTS],
		recipients, into)) {
		return false;
	}
	v[MESSAGES] += v[MESSAGES] < UINT32_MAX;
	v[RECIPIENTS] += recipients < UINT32_MAX - v[RECIPIENTS]
	                     ? recipients
	                     : UINT32_MAX - v[RECIPIENTS];
	return true;
}

/* ---- accounts ---- */

/* Counts the recipients elsewhere, after all aliases. */
static uint32_t
count_others(const struct config *config, const struct mail *mail)
{
	uint32_t n = 0;

	for (size_t i = 0; i < mail->count; i++) {
		const struct recipient *r = &mail->recipients[i];
		const char *at = strrchr(r->text, '@');
		n += r->target == TARGET_ADDRESS && at != NULL &&
		     !archive_is_copy(config, r) &&
		     !config_is_ours(config, at + 1);
	}
	return n;
}

/* Counts the message, if it may be sent, by the table; -1: errno. */
static int
take_allowance(struct table *t, const char *account, const struct allowance *a,
    uint32_t recipients, bool *fits)
{
	struct table_entry e;
	uint32_t now = (uint32_t)time(NULL);

	if (table_begin(t, table_key(t->seed, account, strlen(account)), now,
		&e) == -1) {
		return -1;
	}
	*fits = allowance_fits(&e, a, now, recipients);
	if (*fits) {
		return table_keep(t, &e);
	}
	table_leave(t, &e);
	return 0;
}

static enum status
ask_table(const struct task *task, const struct mail *mail, const char *account,
    const struct allowance *a, uint32_t recipients)
{
	char from[ADDRESS_TEXT], user[USER_NAME + 1];
	struct table t;
	bool fits = true;

	if (table_open(&t, task->config, "accounts") == -1 ||
	    take_allowance(&t, account, a, recipients, &fits) == -1) {
		log_error("%s: what %s sends is not counted: %s: %s", mail->id,
		    account, t.path, strerror(errno));
	}
	table_close(&t);
	if (fits) {
		return STATUS_OK;
	}
	stats_add(STATS_REJECTED_RATE, 1);
	log_path(mail->sender, from, sizeof(from));
	/* Of the shape of a session's event_reject(). */
	log_info("%s: reject: END-OF-MESSAGE from %s[%s]: 450 4.7.1 <%s>: "
		 "Sender address rejected: Too much mail in an hour with %u "
		 "more recipients (account-messages %llu, account-recipients "
		 "%llu); from=<%s> proto=ESMTP sasl_username=<%s>",
	    mail->id, task->role == ROLE_LOCAL ? "localhost" : "unknown",
	    task->peer->address, from, recipients,
	    (unsigned long long)a->messages, (unsigned long long)a->recipients,
	    from, log_path(account, user, sizeof(user)));
	return STATUS_LIMITED;
}

/* The messages of an hour: without a password, a few, unless it is said. */
static uint64_t
messages_of(const struct task *task, const char *account)
{
	const struct limits *l = &task->config->account_messages;
	bool trusted = task->user[0] == '\0' && task->role != ROLE_LOCAL;

	return trusted && !limits_say(l, account) ? TRUSTED
	                                          : limits_of(l, account);
}

enum status
allowance_take(const struct task *task, const struct mail *mail)
{
	const struct config *config = task->config;
	struct identity local;
	const char *account = mail->user;

	if (account[0] == '\0' && task->role != ROLE_LOCAL) {
		return STATUS_OK;
	}
	uint32_t recipients = count_others(config, mail);
	if (recipients == 0) {
		return STATUS_OK;
	}
	if (account[0] == '\0') {
		if (identity_find(task->peer->uid, &local) == -1) {
			return STATUS_TEMPORARY;
		}
		account = local.login;
	}
	const struct allowance a = {
		.messages = messages_of(task, account),
		.recipients = limits_of(&config->account_recipients, account),
	};
	if (a.messages == 0 && a.recipients == 0) {
		return STATUS_OK;
	}
	return ask_table(task, mail, account, &a, recipients);
}
