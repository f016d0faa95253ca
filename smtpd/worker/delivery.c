/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a message that a session has taken, in a worker.  Recipients
 * become those that their aliases name.  When all of them are users here, each
 * gets it straight into the mailbox, from a process of its own, so that they
 * wait for their disks and locks together; whoever cannot get it so, and
 * everything else, goes into one file of the queue.  Runs as root (if the
 * server does).
 */
#include "smtpd/worker/delivery.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/text/utf8.h"
#include "smtpd/local/forward.h"
#include "smtpd/local/mailbox.h"
#include "smtpd/queue/delivery_log.h"
#include "smtpd/route/expand.h"
#include "smtpd/worker/allowance.h"
#include "spool/queue.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the request ---- */

void
delivery_add(struct delivery *d, const struct envelope_rcpt *r)
{
	const char *const strings[] = { r->address, r->params.orcpt };

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(strings[i]) + 1;
		memcpy(d->text + d->length, strings[i], n);
		d->length += (uint32_t)n;
	}
	d->text[d->length++] = (char)r->params.notify;
	d->count++;
}

/* Cuts the next recipient off; false: malformed. */
static bool
next_recipient(const struct delivery *d, size_t *at, struct recipient *r)
{
	const char *strings[2];

	for (size_t i = 0; i < 2; i++) {
		const char *end = memchr(d->text + *at, '\0', d->length - *at);
		if (end == NULL) {
			return false;
		}
		strings[i] = d->text + *at;
		*at = (size_t)(end - d->text) + 1;
	}
	if (*at == d->length) {
		return false;
	}
	*r = (struct recipient){ .target = TARGET_ADDRESS,
		.text = strings[0],
		.given = strings[0],
		.owner = "",
		.orcpt = strings[1],
		.notify = (unsigned char)d->text[(*at)++] };
	return true;
}

/* A NUL ended line of printable ASCII, or of UTF-8. */
static bool
is_line(const char *s, size_t size, bool utf8)
{
	size_t len = strnlen(s, size), used;

	for (size_t i = 0; i < len; i += used) {
		int32_t c = utf8_next(s + i, len - i, &used);
		if (c == -1 || !utf8_is_text(c) || (c > 0x7f && !utf8)) {
			return false;
		}
	}
	return len < size;
}

bool
delivery_valid(const void *payload, size_t size)
{
	const struct delivery *d = payload;
	struct recipient r;
	size_t at = 0;

	if (size < DELIVERY_SIZE(0) || d->length > sizeof(d->text) ||
	    size != DELIVERY_SIZE(d->length) || d->count == 0 ||
	    d->count > ENVELOPE_RCPTS || d->ret > RET_HDRS ||
	    d->priority < -MAIL_PRIORITY || d->priority > MAIL_PRIORITY ||
	    d->by_mode > BY_RETURN || d->hold > MAIL_HOLD ||
	    !is_line(d->id, sizeof(d->id), false) || !mail_is_id(d->id) ||
	    !is_line(d->sender, sizeof(d->sender), d->utf8 != 0) ||
	    !is_line(d->envid, sizeof(d->envid), false) ||
	    strlen(d->envid) > MAIL_ENVID) {
		return false;
	}
	for (uint32_t i = 0; i < d->count; i++) {
		if (!next_recipient(d, &at, &r) ||
		    !is_line(r.text, ADDRESS_TEXT, d->utf8 != 0) ||
		    r.text[0] == '\0' ||
		    !is_line(r.orcpt, MAIL_ORCPT + 1, false) ||
		    r.notify > 0xf) {
			return false;
		}
	}
	return at == d->length;
}

bool
lookup_valid(const void *payload, size_t size)
{
	return size > 1 && size <= USER_NAME + 1 &&
	       memchr(payload, '\0', size) != NULL;
}

enum status
lookup_run(const struct task *task)
{
	struct account account;
	char user[USER_NAME + 1];

	if (!user_name(task->config, task->payload, user)) {
		return STATUS_NO;
	}
	return account_find(task->config, task->names, user, &account);
}

/* ---- who gets it ---- */

/* Whether the client may send to other domains; the server knows who it is. */
static bool
may_relay(const struct task *task)
{
	return task->user[0] != '\0' || task->role == ROLE_LOCAL;
}

/* Adds those that a recipient stands for. */
static enum status
add_recipient(
    const struct task *task, const struct recipient *r, struct mail *mail)
{
	struct expand e = { .config = task->config,
		.names = task->names,
		.aliases = task->aliases };
	size_t before = mail->count;
	struct address a;
	const char *rest;

	if (address_path_utf8(r->text, &a, &rest) != PATH_OK || *rest != '\0') {
		return STATUS_NO;
	}
	if (a.domain[0] != '\0' && !config_is_ours(task->config, a.domain)) {
		return !may_relay(task)         ? STATUS_NO
		       : mail_add(mail, r) == 0 ? STATUS_OK
		                                : STATUS_TEMPORARY;
	}
	if (expand_recipient(&e, r, mail) == EXPANDED_OK) {
		bool list = mail->count - before > 1;
		if (!list || (r->notify & NOTIFY_SUCCESS) == 0) {
			return STATUS_OK;
		}
		mail->count = before;
	}
	/* Gone since RCPT, or success was asked for: the queue tells. */
	return mail_add(mail, r) == 0 ? STATUS_OK : STATUS_TEMPORARY;
}

static enum status
make_mail(const struct task *task, struct mail *mail)
{
	const struct delivery *d = task->payload;
	struct recipient r;
	enum status status = STATUS_OK;
	size_t at = 0;

	mail_init(mail);
	strlcpy(mail->id, d->id, sizeof(mail->id));
	strlcpy(mail->sender, d->sender, sizeof(mail->sender));
	strlcpy(mail->envid, d->envid, sizeof(mail->envid));
	strlcpy(mail->user, task->user, sizeof(mail->user));
	strlcpy(mail->client, task->peer->address, sizeof(mail->client));
	mail->ret = (enum ret)d->ret;
	mail->eight_bit = d->eight_bit != 0;
	mail->utf8 = d->utf8 != 0;
	mail->need_tls = d->need_tls != 0;
	mail->tls_optional = d->tls_optional != 0 && d->need_tls == 0;
	mail->priority = d->priority;
	mail->by = (struct deliver_by){ (enum by_mode)d->by_mode,
		d->by_trace != 0, time(NULL) + (time_t)d->by };
	if ((d->hold != 0 || d->priority > 0) && !may_relay(task)) {
		return STATUS_NO;
	}
	mail->hold = d->hold != 0 ? time(NULL) + (time_t)d->hold : 0;
	for (uint32_t i = 0; i < d->count && status == STATUS_OK; i++) {
		(void)next_recipient(d, &at, &r); /* delivery_valid() did */
		status = add_recipient(task, &r, mail);
	}
	for (size_t i = 0; i < mail->count; i++) {
		mail->recipients[i].slot.next = mail->hold;
	}
	return status;
}

/*
 * Whether all that is left to do is to write into mailboxes here, with nobody
 * to be told of success.
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
	return mail->count <= ENVELOPE_RCPTS;
}

/* ---- straight into mailboxes ---- */

/* Becomes the user for good and appends, or finds that there is a .forward. */
static enum status
deliver(const struct task *task, const struct mail *mail, size_t i)
{
	const struct recipient *r = &mail->recipients[i];
	struct delivery_log said = { .part = "local",
		.id = mail->id,
		.config = task->config,
		.to = r,
		.relay = "local",
		.dsn = "2.0.0",
		.status = "sent",
		.text = "delivered to mailbox",
		.counts = STATS_DELIVERED };
	int64_t started = deadline_now();
	struct account account;
	struct store store;
	char why[LOCAL_WHY];
	enum status status = local_become(
	    task->config, task->names, r->text, &account, &store, why);

	if (status == STATUS_OK && r->owner[0] == '\0' &&
	    forward_exists(&account)) {
		return STATUS_LATER;
	}
	if (status == STATUS_OK) {
		status = local_append(task->config, account.name, &store,
		    mail->sender, task->fd, why);
	}
	if (status != STATUS_OK) {
		said.dsn = "4.2.0";
		said.status = "deferred";
		said.text = why;
		said.counts = STATS_DEFERRED;
	}
	said.took = deadline_now() - started;
	delivery_log(&said);
	return status == STATUS_OK ? STATUS_OK : STATUS_LATER;
}

static pid_t
fork_delivery(const struct task *task, const struct mail *mail, size_t i)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit((int)deliver(task, mail, i));
	}
	return pid;
}

/* A process has ended: notes what became of its recipient. */
static void
note(struct mail *mail, const pid_t *pids, pid_t pid, int status)
{
	for (size_t i = 0; i < mail->count; i++) {
		if (pids[i] == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == STATUS_OK) {
			mail->recipients[i].slot.state = RECIPIENT_SENT;
		}
	}
}

/* Delivers to everybody; who has the message is noted in the slots. */
static void
deliver_all(const struct task *task, struct mail *mail)
{
	pid_t pids[ENVELOPE_RCPTS] = { 0 }, pid;
	size_t started = 0;
	int status;

	while (started < mail->count &&
	       (pids[started] = fork_delivery(task, mail, started)) > 0) {
		started++;
	}
	if (started < mail->count) {
		log_error("%s: cannot fork: %s", mail->id, strerror(errno));
	}
	while (started > 0) {
		pid = waitpid(-1, &status, 0);
		if (pid == -1 && errno != EINTR) {
			return; /* the rest counts as not delivered */
		}
		if (pid > 0) {
			note(mail, pids, pid, status);
			started--;
		}
	}
}

/* ---- the queue ---- */

static enum status
enqueue(const struct task *task, struct mail *mail)
{
	const char *directory = task->config->queue;
	struct queue_body body = { .fd = task->fd, .length = -1 };
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
	struct stat st;
	enum status allowed = allowance_take(task, mail);

	if (allowed != STATUS_OK) {
		return allowed;
	}
	if (!is_local(mail) || mail->hold != 0) {
		return enqueue(task, mail);
	}
	mail->size = fstat(task->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	queue_log_taken(mail, "delivered at once");
	if (mail->count == 1) {
		/* Without another fork; but then we are the user, who cannot
		   write to the queue. */
		return deliver(task, mail, 0);
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
	enum status status = make_mail(task, &mail);

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
