/* SPDX-License-Identifier: ISC */
/* Runs with the rights of the queue's owner. */
#include "smtpd/local/resend.h"

#include "common/names/passwd.h"
#include "common/process/sandbox.h"
#include "spool/queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE = sizeof("Delivered-To: @") + USER_NAME + CONFIG_NAME };

/* Makes the envelope, without recipients, under an id of its own. */
static void
make_envelope(const struct resend *r, struct mail *m)
{
	struct mail_derived d;

	mail_inherit(m, &r->message->mail);
	mail_derive(&d, r->message->mail.id);
	mail_derive_add(&d, "forward", r->number);
	mail_derived_id(&d, m->id);
}

/* Commit point: 0, it is durable, be it from an earlier try; or -1. */
static int
commit_message(const struct resend *r, struct mail *m, const char *line)
{
	const char *path = r->expand->config->queue;
	struct queue queue;
	struct queue_body body = { .fd = -1, .length = -1, .wire = true };

	if (queue_open(&queue, path) == -1) {
		return -1;
	}
	body.fd = local_message_copy(r->message, line, path);
	int result = body.fd == -1 ? -1 : queue_commit(&queue, m, &body);
	if (result == -1 && body.fd != -1 && errno == EEXIST) {
		result = 0;
	}
	int saved = errno;
	if (body.fd != -1) {
		close(body.fd);
	}
	queue_close(&queue);
	errno = saved;
	return result;
}

static void
send_on(
    const struct resend *r, struct mail *m, const char *line, struct verdict *v)
{
	size_t count = m->count;

	if (commit_message(r, m, line) == -1) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0",
		    "cannot queue the message for .forward of %s: %s", r->user,
		    strerror(errno));
		return;
	}
	verdict_set(v, OUTCOME_EXPANDED, "2.0.0",
	    "forwarded as %s by %s to %zu recipient%s", m->id, r->user, count,
	    count == 1 ? "" : "s");
}

/* True if only the user is named, so that the mailbox is meant. */
static bool
is_mailbox(const struct resend *r, const struct mail *m)
{
	return m->count == 0 ||
	       (m->count == 1 && m->recipients[0].target == TARGET_USER &&
		   strcmp(m->recipients[0].text, r->user) == 0);
}

/*
 * The account that owns the mailbox, and so what its .forward names.  A user
 * without an account has it from the users file, as all who share that.
 */
static enum expanded
find_owner(const struct resend *r, char owner[USER_NAME + 1])
{
	struct account a;

	enum status s =
	    account_find(r->expand->config, r->expand->names, r->user, &a);
	const struct passwd *pw =
	    s == STATUS_OK ? passwd_by_name(r->user) : NULL;
	if (s == STATUS_OK && (pw == NULL || pw->pw_uid != a.uid)) {
		pw = passwd_by_uid(a.uid);
	}
	return pw != NULL &&
	               strlcpy(owner, pw->pw_name, USER_NAME + 1) <= USER_NAME
	           ? EXPANDED_OK
	           : EXPANDED_TEMPORARY;
}

bool
resend_message(const struct resend *r, struct verdict *v)
{
	char line[LINE], owner[USER_NAME + 1];
	struct mail mail;

	make_envelope(r, &mail);
	enum expanded expanded = find_owner(r, owner);
	if (expanded == EXPANDED_OK) {
		expanded = expand_forward(r->expand, r->user, owner, r->text,
		    r->len, &r->message->mail.recipients[r->number], &mail);
	}
	if (expanded == EXPANDED_NONE ||
	    (expanded == EXPANDED_OK && is_mailbox(r, &mail))) {
		mail_free(&mail);
		return false;
	}
	snprintf(line, sizeof(line), "Delivered-To: %s@%s", r->user,
	    r->expand->config->hostname);
	if (expanded != EXPANDED_OK) {
		verdict_set(v, OUTCOME_DEFERRED,
		    expanded == EXPANDED_BROKEN ? "4.3.5" : "4.3.0",
		    "cannot follow .forward of %s", r->user);
	} else if (local_message_has_line(r->message, line)) {
		verdict_set(v, OUTCOME_FAILED, "5.4.6",
		    "mail loop: %s has forwarded this message before", r->user);
	} else {
		send_on(r, &mail, line, v);
	}
	mail_free(&mail);
	return true;
}

void
resend_confined(const struct resend *r, struct verdict *v)
{
	if (sandbox_can_confine_runner() &&
	    sandbox_task(SANDBOX_ASKER, r->expand->config->queue) == -1) {
		verdict_set(v, OUTCOME_DEFERRED, "4.3.0",
		    "cannot confine what follows .forward of %s: %s", r->user,
		    strerror(errno));
	} else if (!resend_message(r, v)) {
		verdict_set(v, OUTCOME_EXPANDED, "2.0.0", "mailbox");
		v->mailbox = 1;
	}
}
