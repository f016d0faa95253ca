/* SPDX-License-Identifier: ISC */
/*
 * Whom the server ends, and when: what it does for strangers is over sooner
 * while places are scarce, in workers and in residents; no signal goes to a
 * process that has been reaped, whose number may be somebody else's by then;
 * and who does not end though killed holds no place.
 */
#include "common/server/patience.h"

#include "common/job/resident.h"
#include "common/server/left.h"
#include "common/server/residents.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { NOW = 1000 * 1000, MINUTE = 60 * 1000, PID = 4194301 };

/* ---- a clock, and who is signalled ---- */

static int64_t now = NOW;
static unsigned killed; /* signals but 0 */
static bool group_lives;

int64_t __wrap_deadline_now(void);
int64_t __wrap_deadline_coarse(void);
int __wrap_kill(pid_t, int);

int64_t
__wrap_deadline_now(void)
{
	return now;
}

int64_t
__wrap_deadline_coarse(void)
{
	return now;
}

int
__wrap_kill(pid_t pid, int number)
{
	(void)pid;
	killed += number != 0;
	errno = ESRCH;
	return number != 0 || group_lives ? 0 : -1;
}

/* ---- a server with one slot ---- */

static const struct service service = {
	.name = "smtpd", .life = 60 * MINUTE, .life_before_login = 60 * MINUTE
};
static struct config config = { .sessions = 8 };
static struct slot slot;
static struct server server;
static int resident_end; /* of the channel */

static void
make_server(const char *user, bool scarce)
{
	now = NOW;
	killed = 0;
	group_lives = false;
	memset(&server, 0, sizeof(server));
	memset(&slot, 0, sizeof(slot));
	slot.used = true;
	slot.session = PID;
	strlcpy(slot.user, user, sizeof(slot.user));
	slot.request.kind = REQUEST_DELIVER;
	slot.role = *user == '\0' ? ROLE_MX : ROLE_SUBMISSION;
	server.service = &service;
	server.config = &config;
	server.slots = &slot;
	server.nslots = server.used = 1;
	server.nlisteners = 1;
	server.scarce_at = scarce ? NOW : 0;
}

/* A resident that has answered one job. */
static struct resident *
make_resident(void)
{
	struct resident *r = &server.residents[0];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		perror("socketpair");
		exit(1);
	}
	resident_end = pair[1];
	*r = (struct resident){ .pid = PID + 1,
		.kind = REQUEST_DELIVER,
		.stays = true,
		.key = 7,
		.channel = pair[0],
		.since = NOW,
		.until = NOW + 1000,
		.jobs = 4 };
	slot.request.key = 7;
	return r;
}

static void
end_resident(const struct resident *r)
{
	if (r->channel != -1) {
		close(r->channel);
	}
	close(resident_end);
}

/* ---- workers ---- */

static const struct {
	const char *name, *user;
	bool scarce;
	int minutes;
} workers[] = {
	{ "a stranger's worker", "", false, 4 },
	{ "a stranger's worker when places are scarce", "", true, 1 },
	{ "a user's worker", "bob", false, 4 },
	{ "a user's worker when places are scarce", "bob", true, 4 },
};

static void
test_workers(void)
{
	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		int64_t limit = (int64_t)workers[i].minutes * MINUTE;
		make_server(workers[i].user, workers[i].scarce);
		slot.worker = PID + 1;
		patience_start(&server, &slot, REQUEST_DELIVER);
		int64_t left = patience_left(&server);
		now = NOW + limit - 1;
		server.scarce_at = workers[i].scarce ? now : 0;
		patience_keep(&server);
		bool spared = killed == 0;
		now = NOW + limit;
		patience_keep(&server);
		ok(left == limit && spared && killed == 2 && slot.condemned,
		    "%s has %d minutes", workers[i].name, workers[i].minutes);
	}
}

/* ---- residents ---- */

/* Gives it a job, and lets it be silent until it is killed. */
static void
test_resident(bool scarce, int minutes)
{
	int64_t limit = (int64_t)minutes * MINUTE;

	make_server("", scarce);
	struct resident *r = make_resident();
	bool taken = residents_take(&server, &slot, 0);
	int64_t left = residents_left(&server);
	now = NOW + limit - 1;
	server.scarce_at = scarce ? now : 0;
	residents_keep(&server);
	bool spared = killed == 0;
	now = NOW + limit;
	residents_keep(&server);
	ok(taken && left == limit && spared && killed == 2 && r->killed,
	    "a message that waits for a resident%s has %d minute%s",
	    scarce ? " when places are scarce" : "", minutes,
	    minutes == 1 ? "" : "s");
	ok(residents_left(&server) == LEFT_DEATH, "and it is killed once");
	group_lives = true;
	now += LEFT_DEATH;
	residents_keep(&server);
	ok(slot.answered && slot.result == STATUS_TEMPORARY && r->pid == 0 &&
		killed == 2 && server.nleft == 1,
	    "one that does not end then is left to itself");
	end_resident(r);
}

/* Places become scarce while it waits. */
static void
test_scarce_meanwhile(void)
{
	make_server("", false);
	struct resident *r = make_resident();
	bool taken = residents_take(&server, &slot, 0);
	now = NOW + 2 * MINUTE;
	residents_keep(&server);
	bool spared = killed == 0;
	server.scarce_at = now;
	bool due = residents_left(&server) <= 0;
	residents_keep(&server);
	ok(taken && spared && due && r->killed,
	    "one that waits when places become scarce has had its time");
	end_resident(r);
}

static bool
answer(uint64_t ticket, enum status status)
{
	struct resident_result result = { .ticket = ticket,
		.status = (uint32_t)status };

	return send(resident_end, &result, sizeof(result), 0) ==
	       (ssize_t)sizeof(result);
}

/* Each answer begins the time of the next one. */
static void
test_answers(void)
{
	make_server("", true);
	struct resident *r = make_resident();
	bool good = residents_take(&server, &slot, 0);
	uint64_t first = slot.ticket;
	struct pollfd fds[RESIDENTS];

	slot.resident = NULL; /* as if it were two slots */
	good = good && residents_take(&server, &slot, 0);
	uint64_t second = slot.ticket;
	slot.ticket = first;
	now = server.scarce_at = NOW + MINUTE - 1;
	good = good && answer(first, STATUS_OK);
	residents_fill(&server, fds);
	fds[0].revents = POLLIN;
	residents_serve(&server, fds);
	slot.ticket = second;
	now = server.scarce_at = NOW + MINUTE + 1;
	residents_keep(&server);
	ok(good && r->waiting == 1 && killed == 0 &&
		residents_left(&server) == MINUTE - 2,
	    "an answer begins the time of the next one");
	end_resident(r);
}

/* ---- what has been reaped ---- */

static void
test_reaped(void)
{
	make_server("", false);
	struct resident *r = make_resident();
	bool taken = residents_take(&server, &slot, 0);
	bool sent = answer(slot.ticket + 1, STATUS_OK);

	ok(taken && sent && residents_ended(&server, r->pid, 0) && r->killed &&
		killed == 0,
	    "nobody is killed for what one said before its end");
	group_lives = true;
	residents_settle(&server);
	ok(slot.resident == r, "its slot waits for whom it has forked");
	now = NOW + 60 * MINUTE;
	residents_keep(&server);
	ok(killed == 0, "and no time-out kills a number of old");
	group_lives = false;
	residents_settle(&server);
	ok(slot.resident == NULL && slot.answered && !slot.again &&
		slot.result == STATUS_TEMPORARY && r->pid == 0,
	    "then its client is told to try again");
	end_resident(r);
}

/* One that has ended with a job unanswered, and is not late before that. */
static void
test_ended_late(void)
{
	make_server("", true);
	struct resident *r = make_resident();
	bool taken = residents_take(&server, &slot, 0);
	bool resident = residents_ended(&server, r->pid, EX_OK);

	group_lives = true;
	residents_settle(&server);
	now = server.scarce_at = NOW + 60 * MINUTE;
	residents_keep(&server);
	ok(taken && resident && killed == 0,
	    "one that has ended is not killed when its time is over");
	group_lives = false;
	residents_settle(&server);
	ok(slot.answered && r->pid == 0, "and its slot goes on");
	end_resident(r);
}

/* ---- who does not end ---- */

/* The answer that the session gets, or -1. */
static int
answered(int channel)
{
	char answer[256];
	ssize_t n = recv(channel, answer, sizeof(answer), MSG_DONTWAIT);

	return n > 0;
}

/* A worker that is killed, or has ended, but whose group has not. */
static void
test_left(bool ended, bool mailbox)
{
	int pair[2];

	make_server("", false);
	group_lives = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		perror("socketpair");
		exit(1);
	}
	slot.channel = pair[0];
	slot.body = slot.mailbox = -1;
	slot.in_mailbox = mailbox;
	slot.worker = PID + 1;
	patience_start(
	    &server, &slot, mailbox ? REQUEST_MAILBOX : REQUEST_DELIVER);
	slot.in_mailbox = mailbox;
	slot.look_at = INT64_MAX;
	if (ended) {
		slot.worker_ended = true;
		slot.worker_status = STATUS_QUEUED << 8;
		slot.leave_at = now + LEFT_DEATH;
	} else {
		now = slot.worker_until;
		(void)patience_left(&server);
		patience_keep(&server);
	}
	bool waits = patience_left(&server) == LEFT_DEATH;
	now += LEFT_DEATH - 1;
	patience_keep(&server);
	waits = waits && slot.worker != 0;
	now++;
	patience_keep(&server);
	reap_late(&server);
	if (mailbox) {
		ok(waits && slot.worker != 0 && server.nleft == 0 &&
			patience_left(&server) > MINUTE,
		    "a mailbox process that does not end keeps its user's "
		    "place");
	} else {
		ok(waits && slot.worker == 0 && slot.left &&
			server.nleft == 1 && server.left[0] == PID + 1 &&
			answered(pair[1]) == 1,
		    "%s is left to itself, and the session has its answer",
		    ended ? "a process that an ended worker has forked"
			  : "a worker that does not end");
		group_lives = false;
		reap(&server);
		ok(server.nleft == 0, "until it ends at last");
	}
	close(pair[0]);
	close(pair[1]);
}

/* There is a bound. */
static void
test_many_left(void)
{
	make_server("", false);
	group_lives = true;
	bool all = true;

	for (int i = 0; i < LEFT; i++) {
		all = all && left_add(&server, PID + i);
	}
	ok(all && !left_add(&server, PID), "so many are left, and no more");
	slot.worker = PID + 1;
	slot.condemned = true;
	slot.leave_at = now;
	(void)patience_left(&server);
	patience_keep(&server);
	reap_late(&server);
	ok(slot.worker != 0, "then they keep their places");
}

int
main(void)
{
	config.hostname[0] = 'x';
	test_workers();
	test_resident(false, 4);
	test_resident(true, 1);
	test_scarce_meanwhile();
	test_answers();
	test_reaped();
	test_ended_late();
	test_left(false, false);
	test_left(true, false);
	test_left(false, true);
	test_many_left();
	return tap_done();
}
