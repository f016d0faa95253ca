/* SPDX-License-Identifier: ISC */
/*
 * Delivers or queues a message that a session has taken.  Recipients become
 * those that their aliases name.  If all of them are users here, each gets it
 * straight into the mailbox, from a process of its own, so that they wait for
 * their disks and locks together.  All others, and those whose mailbox cannot
 * be written now, go into one file of the queue.  Runs as root (if the server
 * does).
 */
#include "smtpd/worker/delivery.h"

#include "common/io/deadline.h"
#include "common/io/file.h"
#include "common/job/clients.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "common/text/utf8.h"
#include "smtpd/job/requests.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/junk.h"
#include "smtpd/local/mailbox.h"
#include "smtpd/queue/delivery_log.h"
#include "smtpd/route/archive.h"
#include "smtpd/route/expand.h"
#include "smtpd/worker/allowance.h"
#include "smtpd/worker/at_once.h"
#include "spool/queue.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	AT_ONCE = 100,       /* deliveries; mail for more users is queued */
	BY_MOST = 999999999, /* s from now on, RFC 2852 section 4 */
	/* ms; less than the server gives a worker: a delivery that is stopped
	   must not keep the sender from hearing of the others. */
	DELIVERY = LOCAL_LOCK_AT_ONCE + 10 * 1000,
	DEATH = 2 * 1000, /* ms for the end of what has been killed */
};

/* ---- the request ---- */

bool
delivery_valid(const void *payload, size_t size)
{
	(void)payload;
	return size > MAIL_LINE;
}

/* True if the text is printable: ASCII, or UTF-8 where that is allowed. */
static bool
is_printable(const char *text, bool utf8)
{
	size_t len = strlen(text), used;

	for (size_t i = 0; i < len; i += used) {
		int32_t c = utf8_next(text + i, len - i, &used);
		if (c == -1 || !utf8_is_text(c) || (c > 0x7f && !utf8)) {
			return false;
		}
	}
	return true;
}

/*
 * A session names addresses alone, whose slots are fresh: files, commands,
 * owners and users come from aliases.  The sendmail command alone names some
 * that are only to be reported.
 */
static bool
is_address(const struct task *task, const struct recipient *r, bool utf8)
{
	return (r->refused[0] == '\0' || task->role == ROLE_LOCAL) &&
	       is_printable(r->refused, false) && r->target == TARGET_ADDRESS &&
	       r->given[0] == '\0' && r->owner[0] == '\0' &&
	       strlen(r->text) < ADDRESS_TEXT && is_printable(r->text, utf8) &&
	       is_printable(r->orcpt, false);
}

/* All recipients wait, and none has been tried. */
static bool
are_fresh(const char *head, size_t count)
{
	static const struct slot_state fresh = { .state = RECIPIENT_WAITING };
	char line[MAIL_LINE];

	mail_slot(&fresh, line);
	for (size_t i = 1; i <= count; i++) {
		if (memcmp(head + i * MAIL_LINE, line, MAIL_LINE) != 0) {
			return false;
		}
	}
	return true;
}

/* The account that the mail counts for, as far as the server knows; or "". */
static const char *
account_of(const struct task *task)
{
	const char *trusted = task->role == ROLE_LOCAL
	                          ? NULL
	                          : client_account(task->config, task->peer);

	return task->user[0] != '\0' ? task->user
	       : trusted != NULL     ? trusted
	                             : "";
}

/* True if the client may send to other domains. */
static bool
may_relay(const struct task *task)
{
	return account_of(task)[0] != '\0' || task->role == ROLE_LOCAL;
}

static bool
is_from_session(const struct task *task, const struct mail *m, time_t now)
{
	const struct config *config = task->config;
	/* Filters may add some, each a few. */
	size_t most = recipients_most(config, task->role, may_relay(task)) +
	              config->nfilters * FILTER_ADDED;

	if (m->user[0] != '\0' || m->client[0] != '\0' || m->count > most ||
	    m->hold > now + MAIL_HOLD || m->by.time > now + BY_MOST ||
	    !is_printable(m->sender, m->utf8) ||
	    !is_printable(m->envid, false) || !is_printable(m->held, false)) {
		return false;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (!is_address(task, &m->recipients[i], m->utf8)) {
			return false;
		}
	}
	return true;
}

bool
delivery_envelope(const struct task *task, time_t now, struct mail *mail)
{
	size_t len = 0;

	if (mail_parse(mail, task->payload, task->size, &len) != MAIL_OK) {
		return false;
	}
	if (len != task->size || !are_fresh(task->payload, mail->count) ||
	    !is_from_session(task, mail, now)) {
		mail_free(mail);
		return false;
	}
	strlcpy(mail->user, account_of(task), sizeof(mail->user));
	strlcpy(mail->client, task->peer->address, sizeof(mail->client));
	mail->arrival = now;
	mail->hold = mail->hold > now ? mail->hold : 0;
	return true;
}

/* ---- who gets it ---- */

/* Adds those that an address stands for. */
static enum status
add_recipient(
    const struct task *task, const struct recipient *r, struct mail *mail)
{
	struct expand e = { .config = task->config,
		.names = task->names,
		.aliases = task->aliases };
	size_t before = mail->count;
	char name[ADDRESS_TEXT];
	struct address a;
	const char *rest;

	if (address_path_utf8(r->text, &a, &rest) != PATH_OK || *rest != '\0') {
		return STATUS_NO;
	}
	if (r->refused[0] != '\0') {
		return mail_add(mail, r) == 0 ? STATUS_OK : STATUS_TEMPORARY;
	}
	if (a.domain[0] != '\0' && !config_is_ours(task->config, a.domain)) {
		return !may_relay(task)         ? STATUS_NO
		       : mail_add(mail, r) == 0 ? STATUS_OK
		                                : STATUS_TEMPORARY;
	}
	enum expanded expanded = expand_recipient(&e, r, mail);
	if (expanded == EXPANDED_HELD) {
		log_info("%s: not forwarded, since it is marked as spam, and "
			 "refused: <%s> has no mailbox",
		    mail->id, log_path(r->text, name, sizeof(name)));
		return STATUS_NO;
	}
	if (expanded == EXPANDED_OK) {
		bool list = mail->count - before > 1;
		if (!list || (r->notify & NOTIFY_SUCCESS) == 0) {
			return STATUS_OK;
		}
		mail->count = before;
	}
	/* Gone since RCPT, or success was asked for: the queue tells. */
	return mail_add(mail, r) == 0 ? STATUS_OK : STATUS_TEMPORARY;
}

/*
 * Adds the copy for the archive.  Whatever hinders that refuses no mail: an
 * address that cannot be found now is left to the queue.  Spam is not sent on
 * to other hosts.
 */
static void
add_copy(
    const struct task *task, const struct mail *envelope, struct mail *mail)
{
	struct expand e = { .config = task->config,
		.names = task->names,
		.aliases = task->aliases };
	const char *to =
	    archive_address(task->config, envelope, may_relay(task));
	const char *at = to == NULL ? NULL : strrchr(to, '@');

	if (at == NULL) {
		return;
	}
	const struct recipient r = archive_recipient(to);
	bool here = config_is_ours(task->config, at + 1);
	enum expanded expanded = here           ? expand_recipient(&e, &r, mail)
	                         : mail->marked ? EXPANDED_HELD
	                                        : EXPANDED_NONE;
	if (expanded != EXPANDED_OK && expanded != EXPANDED_HELD &&
	    mail_add(mail, &r) == -1) {
		log_error("%s: no copy for the archive: %s", mail->id,
		    strerror(errno));
	}
}

/* Adds to mail those that the recipients of an envelope stand for. */
static enum status
expand(const struct task *task, const struct mail *envelope, struct mail *mail)
{
	enum status status = STATUS_OK;

	if ((envelope->hold != 0 || envelope->priority > 0) &&
	    !may_relay(task)) {
		return STATUS_NO;
	}
	for (size_t i = 0; i < envelope->count && status == STATUS_OK; i++) {
		struct recipient r = envelope->recipients[i];
		r.given = r.text;
		status = add_recipient(task, &r, mail);
	}
	if (status == STATUS_OK) {
		add_copy(task, envelope, mail);
	}
	for (size_t i = 0; i < mail->count; i++) {
		mail->recipients[i].slot.next = mail->hold;
	}
	return status;
}

/*
 * True if the message is one that a session may hand on: not longer than it may
 * be, and without NUL.  A session has kept to that, unless it is no longer
 * ours.  *size: what was looked at, and must not change.
 */
static bool
is_body_sound(const struct task *task, uint64_t *size)
{
	static char buffer[64 * 1024];
	uint64_t most = config_body_limit(task->config);
	struct stat st;
	ssize_t n;

	if (fstat(task->fd, &st) == -1 ||
	    (most != 0 && (uint64_t)st.st_size > most)) {
		return false;
	}
	off_t at = 0;
	for (; (n = file_read_some(task->fd, buffer, sizeof(buffer), at)) > 0;
	     at += n) {
		if (memchr(buffer, '\0', (size_t)n) != NULL) {
			return false;
		}
	}
	*size = (uint64_t)at;
	return n == 0;
}

/* Makes of an envelope the message that is delivered, to be freed. */
static enum status
make_mail(const struct task *task, struct mail *mail)
{
	struct mail envelope;

	mail_init(mail);
	if (!delivery_envelope(task, time(NULL), &envelope)) {
		/* Only a session that is no longer ours says such things. */
		log_error("a session sent a malformed envelope: refused");
		return STATUS_TEMPORARY;
	}
	mail_inherit(mail, &envelope);
	strlcpy(mail->id, envelope.id, sizeof(mail->id));
	strlcpy(mail->held, envelope.held, sizeof(mail->held));
	enum status status = expand(task, &envelope, mail);
	mail_free(&envelope);
	return status;
}

/*
 * True if the mail is for mailboxes here alone, and no sender wants to be told
 * of success.
 */
static bool
is_local(const struct mail *mail)
{
	for (size_t i = 0; i < mail->count; i++) {
		const struct recipient *r = &mail->recipients[i];
		if (r->target != TARGET_USER ||
		    (r->notify & NOTIFY_SUCCESS) != 0) {
			return false;
		}
	}
	return mail->count <= AT_ONCE;
}

/* ---- straight into mailboxes ---- */

static pid_t
fork_delivery(const struct task *task, const struct mail *mail, size_t i)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct task one = *task;
		one.jobs = 1;
		_exit((int)at_once_deliver(&one, mail, i));
	}
	return pid;
}

/* A process has ended: notes what became of its recipient. */
static void
note_delivery(struct mail *mail, pid_t *pids, pid_t pid, int status)
{
	for (size_t i = 0; i < mail->count; i++) {
		if (pids[i] != pid) {
			continue;
		}
		pids[i] = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_OK) {
			mail->recipients[i].slot.state = RECIPIENT_SENT;
		}
	}
}

/*
 * Kills the processes that have not ended in time: their users can stop them,
 * or the disk does.  What one of them may have written is cut off again by the
 * next delivery, and that is one from the queue.
 */
static void
kill_late(const struct mail *mail, const pid_t *pids)
{
	for (size_t i = 0; i < mail->count; i++) {
		if (pids[i] > 0) {
			log_warn("%s: the delivery to %s has not ended within "
				 "%d seconds and is killed; the message waits "
				 "in the queue",
			    mail->id, mail->recipients[i].text,
			    DELIVERY / 1000);
			kill(pids[i], SIGKILL);
		}
	}
}

/* Delivers to everybody; the slots tell which recipients have the message. */
static void
deliver_all(const struct task *task, struct mail *mail)
{
	pid_t pids[AT_ONCE] = { 0 };
	size_t started = 0;
	bool late = false;

	while (started < mail->count &&
	       (pids[started] = fork_delivery(task, mail, started)) > 0) {
		started++;
	}
	if (started < mail->count) {
		log_error("%s: cannot fork: %s", mail->id, strerror(errno));
	}
	for (int64_t deadline = deadline_now() + DELIVERY; started > 0;) {
		int status = 0;
		pid_t pid = process_next_end(deadline, &status);
		if (pid > 0) {
			note_delivery(mail, pids, pid, status);
			started--;
		} else if (pid == -1 || late) {
			return; /* the rest counts as not delivered */
		} else {
			kill_late(mail, pids);
			late = true;
			deadline += DEATH;
		}
	}
}

/* ---- the queue ---- */

static enum status
enqueue(const struct task *task, struct mail *mail)
{
	const char *directory = task->config->queue;
	struct queue_body body = { .fd = task->fd,
		.length = (off_t)mail->size };
	struct queue q;

	if (queue_open(&q, directory) == -1) {
		log_error("%s: cannot open the queue %s: %s", mail->id,
		    directory, strerror(errno));
		return STATUS_TEMPORARY;
	}
	int result = queue_commit(&q, mail, &body);
	int error = errno;
	queue_close(&q);
	if (result == 0) {
		return STATUS_QUEUED;
	}
	log_error("%s: cannot write to the queue %s: %s", mail->id, directory,
	    strerror(error));
	return error == ENOSPC || error == EDQUOT || error == EFBIG
	           ? STATUS_FULL
	           : STATUS_TEMPORARY;
}

/* Delivers what can be delivered at once; queues what cannot. */
static enum status
dispose(const struct task *task, struct mail *mail)
{
	bool left = false;
	enum status allowed = allowance_take(task, mail);

	if (allowed != STATUS_OK) {
		return allowed;
	}
	if (!is_local(mail) || task->config->deliver_by[0] != '\0' ||
	    mail->hold != 0 || mail->held[0] != '\0' || task->wary) {
		return enqueue(task, mail);
	}
	queue_log_taken(mail, "delivered at once");
	if (mail->count == 1) {
		/* Without another fork; but then we are the user, who cannot
		   write to the queue. */
		return at_once_deliver(task, mail, 0);
	}
	deliver_all(task, mail);
	for (size_t i = 0; i < mail->count; i++) {
		left =
		    left || mail->recipients[i].slot.state == RECIPIENT_WAITING;
	}
	return left ? enqueue(task, mail) : STATUS_OK;
}

static enum status
with_mail(const struct task *task,
    enum status (*act)(const struct task *, struct mail *))
{
	struct mail mail;
	uint64_t size = 0;

	if (!is_body_sound(task, &size)) {
		log_error("a session handed on a message that is too large, or "
			  "holds a NUL: refused");
		return STATUS_TEMPORARY;
	}
	enum status status = make_mail(task, &mail);

	mail.size = size;
	if (status == STATUS_OK) {
		status = act(task, &mail);
	}
	mail_free(&mail);
	return status;
}

enum status
delivery_run(const struct task *task)
{
	return with_mail(task, dispose);
}

enum status
enqueue_run(const struct task *task)
{
	return with_mail(task, enqueue);
}
