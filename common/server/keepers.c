/* SPDX-License-Identifier: ISC */
/*
 * Keepers of keys, as the server sees them.  What a session asks them for goes
 * through here, so that no session has a descriptor that leads to a key, each
 * gets one signature, and one that waits keeps nobody else waiting.
 */
#include "common/server/keepers.h"

#include "common/io/deadline.h"
#include "common/keeper/keeper.h"
#include "common/log/log.h"
#include "common/server/child.h"
#include "common/server/tls_starter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATIENCE = 10 * 1000, /* ms for reading the keys, or for a signature */
	AGAIN = 1000,         /* ms from one start to the next, if it ends */
	UNDER_WAY = 8,        /* orders that a keeper has at a time */
};

/* Lets it go: it ends when it sees its channel closed. */
static void
release(struct keeper *k)
{
	if (k->channel != -1) {
		close(k->channel);
		k->channel = -1;
	}
	k->until = 0;
	tls_starter_release(&k->starter);
	for (; k->chains > 0; k->chains--) {
		free(k->chain[k->chains - 1]);
	}
}

/* Kills what there is of it. */
static void
end(const struct keeper *k)
{
	if (k->pid != 0) {
		kill(k->pid, SIGKILL);
	}
	if (k->starter.pid != 0) {
		kill(k->starter.pid, SIGKILL);
	}
}

/* It has ended, or will: no session gets a signature from it any more. */
static void
lose(struct server *s, struct keeper *k)
{
	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (!slot->used || slot->keeper != k) {
			continue;
		}
		slot->keeper = NULL;
		if (slot->awaits == AWAITS_SIGNATURE) {
			slot->awaits = AWAITS_NOTHING;
			channel_answer(slot->channel, slot->request.serial,
			    STATUS_TEMPORARY);
			request_end(s, slot);
		}
	}
	release(k);
	if (k == s->keeper) {
		s->keeper = NULL;
		keepers_want(s);
	}
}

/* ---- starting ---- */

bool
keepers_have_keys(const struct server *s)
{
	return s->keeper != NULL;
}

/* A place for one more; the oldest but one gives way to it. */
static struct keeper *
new_place(struct server *s)
{
	struct keeper *oldest = NULL;

	for (size_t i = 0; i < KEEPERS; i++) {
		struct keeper *k = &s->keepers[i];
		if (k->pid == 0 && k->starter.pid == 0) {
			return k;
		}
		if (k != s->keeper &&
		    (oldest == NULL || k->started < oldest->started)) {
			oldest = k;
		}
	}
	lose(s, oldest);
	end(oldest); /* its place is free when it is reaped */
	return NULL;
}

static void
start(struct server *s, bool check)
{
	struct keeper *k = new_place(s);
	int64_t now = deadline_coarse();
	struct tls_files files = s->tls_files;
	int pair[2];

	s->keeper_again = now + AGAIN;
	if (k == NULL) {
		return;
	}
	tls_files_note(&files, s->config); /* before they are read */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		log_error("cannot start a keeper: %s", strerror(errno));
		return;
	}
	pid_t pid = child_keeper(s, check, pair[1]);
	close(pair[1]);
	if (pid == -1) {
		log_error("cannot fork: %s", strerror(errno));
		close(pair[0]);
		return;
	}
	*k = (struct keeper){ .pid = pid,
		.channel = pair[0],
		.starter.channel = -1,
		.started = now,
		.until = now + PATIENCE };
	s->next_keeper = k;
	s->tls_files = files;
}

void
keepers_want(struct server *s)
{
	if (s->keeper == NULL && s->next_keeper == NULL &&
	    deadline_coarse() >= s->keeper_again) {
		start(s, false);
	}
}

void
keepers_refresh(struct server *s)
{
	if (s->keeper != NULL && s->next_keeper == NULL &&
	    tls_files_changed(&s->tls_files, s->config)) {
		start(s, true);
	}
}

/* ---- ending ---- */

/* The one that was starting has no keys. */
static void
fail(struct server *s, const char *why)
{
	struct keeper *k = s->next_keeper;

	s->next_keeper = NULL;
	release(k);
	end(k);
	log_error("%s: %s",
	    s->keeper != NULL ? "keeping the old certificate" : "no TLS", why);
	s->keys_settled = true;
}

/* True if a session shows its certificates, and may yet need a signature. */
static bool
needed(const struct server *s, const struct keeper *k)
{
	for (size_t i = 0; i < s->nslots; i++) {
		if (s->slots[i].used && s->slots[i].keeper == k) {
			return true;
		}
	}
	return false;
}

/* Its starter has ended: new sessions need another one. */
static void
starter_lost(struct server *s, struct keeper *k, int status)
{
	pid_t pid = k->starter.pid;
	bool in_use = k->starter.channel != -1;

	k->starter.pid = 0;
	if (k == s->next_keeper) {
		fail(s, "the process that starts sessions with TLS has ended");
	} else if (in_use) {
		log_error("the process that starts sessions with TLS (%d) has "
			  "ended by %s %d: another one starts",
		    (int)pid, WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
		tls_starter_release(&k->starter);
		keepers_starter_gone(s, k);
	}
}

void
keepers_starter_gone(struct server *s, const struct keeper *k)
{
	if (k == s->keeper) {
		s->keeper = NULL; /* its sessions go on */
		keepers_want(s);
	}
}

bool
keepers_ended(struct server *s, pid_t pid, int status)
{
	struct keeper *k = s->keepers;

	while (k < s->keepers + KEEPERS && k->pid != pid &&
	       k->starter.pid != pid) {
		k++;
	}
	if (k == s->keepers + KEEPERS) {
		return false;
	}
	if (k->pid != pid) {
		starter_lost(s, k, status);
		return true;
	}
	k->pid = 0;
	if (k == s->next_keeper) {
		fail(s, "the process that reads the keys has ended");
	} else if (k->channel != -1) {
		log_error("the keeper of the keys (process %d) has ended by "
			  "%s %d: another one starts, and clients whose TLS "
			  "handshake was under way have to try again; if it "
			  "happens again, type: smtpd --check",
		    (int)pid, WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
		lose(s, k);
	}
	return true;
}

void
keepers_close(struct server *s)
{
	for (size_t i = 0; i < KEEPERS; i++) {
		if (s->keepers[i].pid != 0) {
			release(&s->keepers[i]);
		}
	}
	s->keeper = s->next_keeper = NULL;
}

/* ---- the report of one that starts ---- */

/* All certificates are here: new sessions show them. */
static void
take_over(struct server *s)
{
	bool reread = s->keeper != NULL;

	if (reread) {
		tls_starter_release(&s->keeper->starter);
	}
	s->keeper = s->next_keeper;
	s->next_keeper = NULL;
	s->keeper->until = 0;
	if (reread) {
		log_info("certificate reread");
	}
	s->keys_settled = true;
}

static void
take_report(struct server *s, struct keeper *k)
{
	struct keeper_report report;

	memcpy(&report, s->buffer, sizeof(report));
	report.error[sizeof(report.error) - 1] = '\0';
	if (report.count == 0) {
		fail(s, report.error);
	} else if (report.count != s->config->ntls) {
		fail(s, "the keeper has other keys than the configuration");
	}
	k->reported = true;
}

static void
take_chain(struct server *s, struct keeper *k, size_t size)
{
	static struct tls_chain chain;

	memcpy(&chain, s->buffer, size < sizeof(chain) ? size : sizeof(chain));
	if (size > sizeof(chain) || !tls_chain_valid(&chain, size)) {
		fail(s, "the keeper sends malformed certificates");
		return;
	}
	struct tls_chain *copy = malloc(size);
	if (copy == NULL) {
		fail(s, "no memory");
		return;
	}
	k->chain[k->chains++] = memcpy(copy, s->buffer, size);
	if (k->chains < s->config->ntls) {
		return;
	}
	if (s->nlisteners == 0) {
		take_over(s); /* the one session will load GnuTLS itself */
	} else if (tls_starter_begin(s, k) == -1) {
		fail(s, "there is no process to start sessions with TLS");
	}
}

/* The starter of the one that is starting speaks. */
static bool
take_ready(struct server *s, struct keeper *k)
{
	char error[CONFIG_ERROR];
	int ready = tls_starter_report(&k->starter, error);

	if (ready == 1) {
		take_over(s);
	} else if (ready == -1) {
		fail(s, error);
	}
	return false;
}

/* ---- signatures ---- */

/* The slot that has waited longest to ask this keeper, or NULL. */
static struct slot *
next_asking(const struct server *s, const struct keeper *k)
{
	struct slot *first = NULL;

	for (size_t i = 0; i < s->nslots; i++) {
		struct slot *slot = &s->slots[i];
		if (slot->used && slot->keeper == k && slot->payload != NULL &&
		    slot->awaits == AWAITS_SIGNATURE &&
		    (first == NULL || slot->ticket < first->ticket)) {
			first = slot;
		}
	}
	return first;
}

static bool
order(const struct server *s, struct keeper *k, struct slot *slot)
{
	struct keeper_order o = { .ticket = slot->ticket,
		.slot = (uint32_t)(slot - s->slots) };

	memcpy(&o.question, slot->payload, sizeof(o.question));
	if (send(k->channel, &o, sizeof(o), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    -1) {
		return false; /* its end is noticed elsewhere */
	}
	if (k->orders++ == 0) {
		k->until = deadline_coarse() + PATIENCE;
	}
	return true;
}

static void
order_more(struct server *s, struct keeper *k)
{
	while (k->orders < UNDER_WAY && k->waiting > 0) {
		struct slot *slot = next_asking(s, k);
		if (slot == NULL) {
			k->waiting = 0; /* sessions that have ended since */
		} else if (!order(s, k, slot)) {
			return;
		} else {
			k->waiting--;
			request_end(s, slot); /* the answer is awaited */
		}
	}
}

void
keepers_ask(struct server *s, struct slot *slot)
{
	struct keeper *k = slot->keeper;

	if (k == NULL || k->channel == -1) {
		channel_answer(
		    slot->channel, slot->request.serial, STATUS_TEMPORARY);
		request_end(s, slot);
		return;
	}
	slot->awaits = AWAITS_SIGNATURE;
	slot->ticket = s->tickets++;
	k->waiting++;
	order_more(s, k);
}

static void
take_result(struct server *s, struct keeper *k)
{
	struct keeper_result r;

	memcpy(&r, s->buffer, sizeof(r));
	k->orders -= k->orders > 0;
	k->until = k->orders > 0 ? deadline_coarse() + PATIENCE : 0;
	/* The session may have ended, and its slot be another's. */
	struct slot *slot = r.slot < s->nslots ? &s->slots[r.slot] : NULL;
	if (slot != NULL && slot->used && slot->keeper == k &&
	    slot->awaits == AWAITS_SIGNATURE && slot->ticket == r.ticket) {
		slot->awaits = AWAITS_NOTHING;
		slot->keeper = NULL; /* it does not get another one */
		channel_answer_data(slot->channel, slot->request.serial,
		    r.good == 1 ? STATUS_OK : STATUS_TEMPORARY, &r.signature,
		    r.good == 1 ? sizeof(r.signature) : 0);
	}
	order_more(s, k);
}

/* ---- the loop ---- */

/* Takes one message.  false: there is none. */
static bool
take(struct server *s, struct keeper *k)
{
	if (k == s->next_keeper && k->starter.pid != 0) {
		return take_ready(s, k);
	}
	ssize_t n =
	    recv(k->channel, s->buffer, sizeof(s->buffer), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		return false;
	}
	if (n <= 0) {
		/* It ends, or has ended: that is logged when it is reaped. */
		if (k == s->next_keeper) {
			fail(s, "the process that reads the keys has ended");
		} else {
			kill(k->pid, SIGKILL);
			k->deaf = true;
		}
		return false;
	}
	if (k != s->next_keeper) {
		if (n == sizeof(struct keeper_result)) {
			take_result(s, k);
		}
	} else if (k->reported) {
		take_chain(s, k, (size_t)n);
	} else if (n == sizeof(struct keeper_report)) {
		take_report(s, k);
	} else {
		fail(s, "the keeper sends a malformed report");
	}
	return true;
}

/* Where the next word comes from: its starter has one to say. */
static int
speaker(const struct server *s, const struct keeper *k)
{
	return k == s->next_keeper && k->starter.pid != 0 ? k->starter.channel
	                                                  : k->channel;
}

bool
keepers_wait(struct server *s)
{
	keepers_want(s);
	while (s->next_keeper != NULL) {
		struct keeper *k = s->next_keeper;
		struct pollfd p = { .fd = speaker(s, k), .events = POLLIN };
		int64_t left = k->until - deadline_coarse();
		if (poll(&p, 1, left > 0 ? (int)left : 0) > 0) {
			(void)take(s, k);
		}
		keepers_keep(s);
	}
	return s->keeper != NULL;
}

void
keepers_fill(const struct server *s, struct pollfd *fds)
{
	for (size_t i = 0; i < KEEPERS; i++) {
		const struct keeper *k = &s->keepers[i];
		bool open = k->pid != 0 && !k->deaf;
		fds[i] = (struct pollfd){ .fd = open ? speaker(s, k) : -1,
			.events = POLLIN };
	}
}

void
keepers_serve(struct server *s, const struct pollfd *fds)
{
	for (size_t i = 0; i < KEEPERS; i++) {
		struct keeper *k = &s->keepers[i];
		if (fds[i].revents != 0 && k->pid != 0 && !k->deaf &&
		    speaker(s, k) == fds[i].fd) {
			/* No more than it may have to say, at a time. */
			for (int n = 0;
			     n < UNDER_WAY && k->channel != -1 && take(s, k);
			     n++) {
				continue;
			}
		}
	}
}

/* It has not said in time what was awaited. */
static void
late(struct server *s, struct keeper *k)
{
	if (k == s->next_keeper) {
		fail(s, "reading the keys takes too long; see whether the key "
			"tls names files");
		return;
	}
	log_error("the keeper of the keys (process %d) does not answer: it is "
		  "killed, and another one starts",
	    (int)k->pid);
	kill(k->pid, SIGKILL);
	lose(s, k);
}

/* True if there are no keys, none are coming, and somebody waits for some. */
static bool
wanted(const struct server *s)
{
	bool waits = false;

	for (size_t i = 0; i < s->nslots && s->keeper == NULL &&
			   s->next_keeper == NULL && !waits;
	     i++) {
		const struct slot *slot = &s->slots[i];
		waits = slot->used && (slot->awaits == AWAITS_KEYS ||
					  slot->awaits == AWAITS_START);
	}
	return waits;
}

void
keepers_keep(struct server *s)
{
	int64_t now = deadline_coarse();

	for (size_t i = 0; i < KEEPERS; i++) {
		struct keeper *k = &s->keepers[i];
		if (k->pid == 0) {
			continue;
		}
		if (k->until != 0 && now >= k->until) {
			late(s, k);
		}
		if (k != s->keeper && k != s->next_keeper && k->channel != -1 &&
		    !needed(s, k)) {
			release(k);
		}
	}
	if (wanted(s)) {
		keepers_want(s);
	}
}

int64_t
keepers_left(const struct server *s)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < KEEPERS; i++) {
		const struct keeper *k = &s->keepers[i];
		if (k->pid != 0 && k->until != 0 && k->until < next) {
			next = k->until;
		}
	}
	next = wanted(s) && s->keeper_again < next ? s->keeper_again : next;
	return next == INT64_MAX ? next : next - deadline_coarse();
}
