/* SPDX-License-Identifier: ISC */
/* What sessions ask the server for: validated, and handed to a worker. */
#include "common/io/deadline.h"
#include "common/job/login.h"
#include "common/log/log.h"
#include "common/server/child.h"
#include "common/server/guard.h"
#include "common/server/keepers.h"
#include "common/server/left.h"
#include "common/server/patience.h"
#include "common/server/place.h"
#include "common/server/residents.h"
#include "common/server/slot.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_CHECKS = 4 }; /* passwords checked at a time: they cost CPU */

static void
answer(const struct slot *slot, enum status status)
{
	if (slot->channel != -1) {
		channel_answer(slot->channel, slot->request.serial, status);
	}
}

/* Gives a worker the descriptors of the slot. */
static void
give_descriptors(const struct slot *slot, enum given given, struct task *task)
{
	task->fd = task->out = -1;
	switch (given) {
	case GIVEN_NOTHING:
		break;
	case GIVEN_BODY:
		task->fd = slot->body;
		break;
	case GIVEN_CLIENT:
		task->fd = slot->tls ? slot->mailbox : slot->rfd;
		task->out = slot->tls ? slot->mailbox : slot->wfd;
		break;
	}
}

/*
 * True if a check of a password has to wait: for the others, or for the time
 * after one that failed.
 */
static bool
must_wait(const struct server *s, struct slot *slot, enum request_kind kind,
    int64_t now)
{
	slot->turn = guess_start(slot->guesses, kind, now);
	return slot->turn > now ||
	       (kind == REQUEST_LOGIN && s->checks >= MOST_CHECKS);
}

static void
start_worker(struct server *s, struct slot *slot, enum request_kind kind)
{
	int64_t now = deadline_now();
	struct task task = { .config = s->config,
		.names = s->names,
		.aliases = s->aliases,
		.peer = &slot->peer,
		.role = slot->role,
		.tls = slot->tls,
		.service = s->service->name,
		.payload = slot->payload,
		.size = slot->size,
		.user = slot->user,
		.wary = left_are_many(s) };
	bool check = kind == REQUEST_LOGIN;

	if (must_wait(s, slot, kind, now)) {
		slot->waiting = true;
		slot->ticket = s->tickets++;
		return;
	}
	slot->waiting = false;
	give_descriptors(slot, request_rules[kind].given, &task);
	struct resident *place = residents_offer(s, slot, &task);
	pid_t pid = child_worker(s, slot, kind, &task);
	int error = errno;
	bool taken = residents_begun(place, slot, &task, pid);
	if (pid == -1) {
		log_error("cannot fork: %s", strerror(error));
		answer(slot, STATUS_TEMPORARY);
		request_end(s, slot);
		return;
	}
	if (taken) {
		return;
	}
	slot->worker = pid;
	patience_start(s, slot, kind);
	guess_started(slot->guesses, kind, now);
	slot->checking = check;
	s->checks += check;
	slot->in_mailbox = kind == REQUEST_MAILBOX;
	if (slot->in_mailbox && slot->mailbox != -1) {
		/* The pump must see it close when the process ends. */
		close(slot->mailbox);
		slot->mailbox = -1;
	}
}

/*
 * The session asks to begin again with TLS.  It is killed, without another
 * word, and the new one starts when it is gone: the two would share the client
 * and the body file, and strangers have talked to the old one in the clear.
 */
void
request_restart(struct server *s, struct slot *slot)
{
	if (!keepers_have_keys(s)) {
		answer(slot, STATUS_TEMPORARY);
		return;
	}
	slot->restarting = true;
	kill(slot->session, SIGKILL);
	close(slot->channel);
	slot->channel = -1;
}

/* Keys may have to be read first, if nobody has needed them before. */
static void
take_restart(struct server *s, struct slot *slot)
{
	if (!keepers_have_keys(s) && s->config->ntls > 0) {
		slot->awaits = AWAITS_KEYS;
		keepers_want(s);
		return;
	}
	request_restart(s, slot);
}

static void
take_question(struct server *s, struct slot *slot)
{
	slot->payload = malloc(slot->size);
	if (slot->payload == NULL) {
		log_error("no memory for a request");
		answer(slot, STATUS_TEMPORARY);
		return;
	}
	memcpy(slot->payload, s->buffer, slot->size);
	keepers_ask(s, slot);
}

static void
take_offence(struct server *s, struct slot *slot)
{
	guard_offence(s, slot, s->buffer);
	answer(slot, STATUS_OK);
}

static void
take_claim(struct server *s, struct slot *slot)
{
	enum status status = accept_claim(s, slot, s->buffer);

	channel_answer_data(slot->channel, slot->request.serial, status,
	    &slot->welcome, status == STATUS_OK ? sizeof(slot->welcome) : 0);
}

static bool
empty(const void *payload, size_t size)
{
	(void)payload;
	return size == 0;
}

/* The requests that need no worker. */
static const struct {
	void (*take)(struct server *, struct slot *);
	bool (*valid)(const void *payload, size_t size);
} inline_jobs[REQUESTS] = {
	[REQUEST_TLS] = { take_restart, empty },
	[REQUEST_SIGN] = { take_question, signature_valid },
	[REQUEST_PEER] = { take_claim, claim_valid },
	[REQUEST_OFFENCE] = { take_offence, guard_valid },
};

/* Octets of the payload: what follows is for a resident. */
static size_t
payload_size(const struct slot *slot, size_t size)
{
	return slot->request.key == 0 ? size : (size_t)slot->request.head;
}

static bool
acceptable(const struct server *s, const struct slot *slot, ssize_t size)
{
	const struct asker asker = { .proxied = slot->welcome.proxied != 0,
		.tls = slot->tls,
		.logged_in = slot->user[0] != '\0',
		.role = slot->role,
		.asked = slot->asked };
	uint32_t kind = slot->request.kind;

	if (size < 0 || !request_allowed(kind, &asker) ||
	    (slot->request.key != 0 &&
		(stay_rules[kind].jobs == 0 ||
		    slot->request.head > (uint64_t)size))) {
		return false;
	}
	if (request_rules[kind].answered == ANSWERED_INLINE) {
		return inline_jobs[kind].valid(s->buffer, (size_t)size);
	}
	const struct job *job = &s->service->jobs[kind];
	return job->run != NULL &&
	       job->valid(s->buffer, payload_size(slot, (size_t)size));
}

/* Only a session that has been taken over is treated so. */
static void
kill_session(struct slot *slot, const char *why)
{
	log_error("session %d %s: killed", (int)slot->session, why);
	slot->doomed = slot->session;
	kill(slot->session, SIGKILL);
}

/* Takes a request of size octets in the buffer, or what channel_receive() said
   instead. */
static void
take(struct server *s, struct slot *slot, ssize_t size)
{
	if (size == -1 && errno == EAGAIN) {
		return;
	}
	if (size == -1 && errno != EBADMSG) {
		close(slot->channel); /* the session ends */
		slot->channel = -1;
		return;
	}
	if (!acceptable(s, slot, size)) {
		kill_session(slot, "sent a malformed request");
		return;
	}
	if (guess_is_excess(
		slot->guesses, (enum request_kind)slot->request.kind)) {
		kill_session(slot, "goes on guessing passwords");
		return;
	}
	slot->size = payload_size(slot, (size_t)size);
	slot->asked |= 1U << slot->request.kind;
	if (request_rules[slot->request.kind].answered == ANSWERED_INLINE) {
		inline_jobs[slot->request.kind].take(s, slot);
		return;
	}
	slot->payload = malloc(slot->size > 0 ? slot->size : 1);
	if (slot->payload == NULL) {
		log_error("no memory for a request");
		answer(slot, STATUS_TEMPORARY);
		return;
	}
	memcpy(slot->payload, s->buffer, slot->size);
	if (!residents_take(s, slot, (size_t)size)) {
		explicit_bzero(s->buffer, (size_t)size); /* before a fork */
		start_worker(s, slot, (enum request_kind)slot->request.kind);
	}
}

void
request_take(struct server *s, struct slot *slot)
{
	ssize_t size = channel_receive(
	    slot->channel, &slot->request, s->buffer, sizeof(s->buffer));

	take(s, slot, size);
	if (size > 0) {
		explicit_bzero(s->buffer, (size_t)size);
	}
}

/* Lets a user in who has proved it, unless that one has enough sessions. */
static bool
admit_user(struct server *s, struct slot *slot)
{
	if (place_user_has_all(s, slot)) {
		log_warn("user %s has %u sessions, and gets no more (see "
			 "sessions-per-user)",
		    slot->user, s->config->sessions_per_user);
		slot->user[0] = '\0';
		return false;
	}
	place_remember(s, &slot->peer);
	return true;
}

/* A password was checked: the server believes the exit status alone. */
static void
login_checked(struct server *s, struct slot *slot, int status)
{
	struct login *login = (struct login *)slot->payload;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_TEMPORARY;
	bool ok =
	    code == STATUS_OK && user_name(s->config, login->name, slot->user);

	if (ok && !admit_user(s, slot)) {
		ok = false;
		code = STATUS_TEMPORARY;
	}

	s->checks--;
	slot->checking = false;
	if (code == STATUS_NO) {
		guard_login_failed(s, slot, login);
		guess_failed(slot->guesses, REQUEST_LOGIN);
	}
	explicit_bzero(login->secret, sizeof(login->secret));
	explicit_bzero(login->challenge, sizeof(login->challenge));
	if (ok && slot->role != ROLE_PASSWD &&
	    s->service->jobs[REQUEST_MAILBOX].run != NULL) {
		start_worker(s, slot, REQUEST_MAILBOX);
		if (slot->worker != 0) {
			answer(slot, STATUS_OK);
			/* It has its own; and each child to come wipes, and so
			   copies, what others have asked. */
			request_end(s, slot);
		}
		return;
	}
	answer(slot, (enum status)code);
	request_end(s, slot);
}

/* A message is with the next worker, or done with; it was answered or not. */
static void
delivery_ended(
    struct server *s, struct slot *slot, int code, enum status unanswered)
{
	if (code == STATUS_LATER && slot->request.kind == REQUEST_DELIVER &&
	    s->service->jobs[REQUEST_ENQUEUE].run != NULL) {
		slot->request.kind = REQUEST_ENQUEUE;
		start_worker(s, slot, REQUEST_ENQUEUE);
		return;
	}
	if (code == STATUS_QUEUED) {
		errand_start(s);
	}
	if (request_rules[slot->request.kind].given == GIVEN_BODY &&
	    (code == STATUS_OK || code == STATUS_QUEUED)) {
		slot->useful_at = deadline_now();
	}
	if (code == STATUS_NO) {
		guess_failed(
		    slot->guesses, (enum request_kind)slot->request.kind);
	}
	/* Comes second, and so unread, if the worker has answered. */
	answer(slot, unanswered);
	request_end(s, slot);
}

void
request_residents_answered(struct server *s)
{
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->used || !slot->answered) {
			continue;
		}
		slot->answered = false;
		if (slot->again) {
			start_worker(
			    s, slot, (enum request_kind)slot->request.kind);
		} else {
			delivery_ended(
			    s, slot, (int)slot->result, slot->result);
		}
		slot_settle(s, slot);
	}
}

void
request_worker_ended(struct server *s, struct slot *slot, int status)
{
	slot->worker = 0;
	if (WIFSIGNALED(status) && !slot->condemned) {
		log_error("a worker for %s ended by signal %d",
		    request_rules[slot->request.kind].name, WTERMSIG(status));
	}
	if (slot->in_mailbox) {
		slot->in_mailbox = false;
		request_end(s, slot);
	} else if (slot->checking) {
		login_checked(s, slot, status);
	} else {
		delivery_ended(s, slot,
		    WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_TEMPORARY,
		    STATUS_TEMPORARY);
	}
	slot_settle(s, slot);
}

/* True if a slot's check may start now. */
static bool
has_turn(const struct server *s, const struct slot *slot, int64_t now)
{
	return slot->used && slot->waiting && slot->turn <= now &&
	       (s->checks < MOST_CHECKS || slot->request.kind != REQUEST_LOGIN);
}

/* Who has been wrong before comes after all others; then whoever waits longer.
 */
static bool
is_before(const struct slot *a, const struct slot *b)
{
	unsigned before = a->guesses[0].failed, after = b->guesses[0].failed;

	return before < after || (before == after && a->ticket < b->ticket);
}

void
request_start_waiting(struct server *s)
{
	int64_t now = deadline_now();
	struct slot *first;

	do {
		first = NULL;
		for (size_t i = 0; i < s->nslots; i++) {
			struct slot *slot = &s->slots[i];
			if (has_turn(s, slot, now) &&
			    (first == NULL || is_before(slot, first))) {
				first = slot;
			}
		}
		if (first != NULL) {
			start_worker(
			    s, first, (enum request_kind)first->request.kind);
		}
	} while (first != NULL);
}

int64_t
request_next(const struct server *s)
{
	int64_t next = INT64_MAX, now = deadline_now();

	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		if (slot->used && slot->waiting && slot->turn > now) {
			next = slot->turn < next ? slot->turn : next;
		}
	}
	return next;
}
