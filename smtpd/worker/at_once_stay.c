/* SPDX-License-Identifier: ISC */
/*
 * A resident: the owner of a mailbox who stays for the next messages to it.
 * What waits is appended together, and each is answered when all of it is
 * durable: whoever kills the process before has unanswered mail lost to nobody,
 * since it counts as not delivered.
 */
#include "common/io/deadline.h"
#include "common/io/socket.h"
#include "common/job/resident.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "smtpd/local/mailbox.h"
#include "smtpd/queue/delivery_log.h"
#include "smtpd/worker/at_once_private.h"
#include "smtpd/worker/delivery.h"
#include "spool/queue.h"
#include "spool/vacation.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* A job, as it came. */
struct job_message {
	struct resident_job job;
	char octets[RESIDENT_HEAD + RESIDENT_TEXT];
	struct mail mail;
	bool mine;
};

static void
answer(int channel, uint64_t ticket, enum status status, bool other)
{
	struct resident_result r;

	memset(&r, 0, sizeof(r));
	r.ticket = ticket;
	r.status = status;
	r.other = other;
	if (send(channel, &r, sizeof(r), MSG_NOSIGNAL) == -1) {
		_exit(EX_IOERR); /* some of what is done is not answered */
	}
}

/* Receives a job.  false: there is none now, or (when it waits) no more. */
static bool
receive(int channel, struct job_message *j, bool wait)
{
	struct iovec iov[2] = {
		{ .iov_base = &j->job, .iov_len = sizeof(j->job) },
		{ .iov_base = j->octets, .iov_len = sizeof(j->octets) },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = socket_receive(channel, &m, wait ? 0 : MSG_DONTWAIT);

	return n >= (ssize_t)sizeof(j->job) && (m.msg_flags & MSG_TRUNC) == 0 &&
	       (size_t)n - sizeof(j->job) == (size_t)j->job.head + j->job.text;
}

/*
 * True if the job is like the first one: mail to the same recipient, for whom
 * nothing but this mailbox is needed.  Its mail is to be freed then.
 */
static bool
is_mine(const struct resident_owner *o, struct job_message *j)
{
	struct task task = *o->task;
	uint64_t most = config_body_limit(task.config);
	const struct recipient *r;

	task.peer = &j->job.peer;
	task.payload = j->octets;
	task.size = j->job.head;
	if ((most != 0 && j->job.text > most) ||
	    memchr(j->octets + j->job.head, '\0', j->job.text) != NULL ||
	    !delivery_envelope(&task, time(NULL), &j->mail)) {
		return false; /* the other worker will say what is wrong */
	}
	j->mail.size = j->job.text;
	r = j->mail.recipients;
	if (j->mail.count == 1 && strcmp(r->text, o->recipient->given) == 0 &&
	    (r->notify & NOTIFY_SUCCESS) == 0 && j->mail.hold == 0 &&
	    j->mail.priority <= 0 && !j->mail.marked) {
		return true;
	}
	mail_free(&j->mail);
	return false;
}

/* Finds those that are its own; how many. */
static size_t
choose(const struct resident_owner *o, struct job_message *jobs, size_t n,
    struct local_mail list[APPEND_MOST])
{
	/* Somebody has taken the folder away; another worker makes a new one.
	 */
	bool lost = access(o->store->directory, F_OK) == -1;
	bool forwards = forward_is_there(o->forward) ||
	                vacation_exists(o->store->directory);
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct job_message *j = &jobs[i];
		j->mine = !lost && !forwards && is_mine(o, j);
		if (j->mine) {
			queue_log_taken(&j->mail, "delivered at once");
			list[count++] =
			    (struct local_mail){ .sender = j->mail.sender,
				    .fd = -1,
				    .text = j->octets + j->job.head,
				    .len = j->job.text };
		}
	}
	return count;
}

/*
 * Appends those that are its own, and answers all.  false: it is of no more
 * use.
 */
static bool
deliver(const struct resident_owner *o, struct job_message *jobs, size_t n)
{
	static struct local_mail list[APPEND_MOST];
	int64_t started = deadline_now();
	size_t count = choose(o, jobs, n, list), at = 0;
	bool of_use = true;

	if (count > 0) {
		local_append_all(o->task->config, o->account->name, o->store,
		    list, count, LOCAL_LOCK_AT_ONCE);
	}
	for (size_t i = 0; i < n; i++) {
		struct job_message *j = &jobs[i];
		const struct local_mail *m = j->mine ? &list[at++] : NULL;
		bool sent = m != NULL && m->status == STATUS_OK;
		if (m == NULL || m->replaced) {
			of_use = of_use && m == NULL;
			answer(o->task->stay, j->job.ticket, STATUS_OK, true);
		} else {
			at_once_log(o->task, &j->mail, o->recipient, started,
			    m->status, sent ? "delivered to mailbox" : m->why);
			answer(o->task->stay, j->job.ticket,
			    sent ? STATUS_OK : STATUS_LATER, false);
		}
		if (j->mine) {
			mail_free(&j->mail);
		}
	}
	return of_use;
}

/*
 * Gives up the body file and the session's channel, before it is said that the
 * job is done: both are other people's then.
 */
static void
leave_session(const struct resident_owner *o)
{
	const struct lock_stock *stock = o->store->stock;
	int keep[4 + LOCK_STOCK] = { o->task->stay, o->forward->folder,
		log_fd(), stock == NULL ? -1 : stock->folder };
	size_t n = 4;

	for (size_t i = 0; stock != NULL && i < stock->left; i++) {
		keep[n++] = stock->fd[i];
	}
	process_close_others(keep, n);
}

void
at_once_stay(const struct resident_owner *o)
{
	static struct job_message jobs[APPEND_MOST];
	int channel = o->task->stay;

	leave_session(o);

	answer(channel, o->task->ticket, STATUS_OK, false);
	for (bool of_use = true; of_use && receive(channel, &jobs[0], true);) {
		size_t n = 1;
		while (n < APPEND_MOST && receive(channel, &jobs[n], false)) {
			n++;
		}
		of_use = deliver(o, jobs, n);
	}
	lock_stock_close(o->locks);
	_exit(EX_OK);
}
