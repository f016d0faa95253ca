/* SPDX-License-Identifier: ISC */
/*
 * The mailbox process: becomes the user, opens the mailbox, and runs the
 * commands of transaction.c on it.
 */
#include "common/io/deadline.h"
#include "common/io/owned.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/login/last_login.h"
#include "common/process/sandbox.h"
#include "pop3d/mailbox/transaction.h"
#include "pop3d/session/session.h"
#include "spool/become.h"
#include "spool/confine.h"
#include "spool/foreign.h"
#include "spool/mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { OPEN_TIMEOUT = 20 * 1000 };

/* Becomes the user.  0, or -1 with the reason logged. */
static int
become(const struct task *task, struct store *store)
{
	struct account account;

	if (become_owner(task->config, task->names, task->user, &account,
		store) != BECOME_OK) {
		log_error("cannot find or become the owner of the mailbox of "
			  "%s",
		    task->user);
		return -1;
	}
	return 0;
}

static void
turned_away(const struct session *s, const char *why)
{
	log_info("DISCONNECTED, user=%s, ip=[%s], port=[%u], refused: %s",
	    s->user, s->peer->address, s->peer->port, why);
}

/* Makes this the one session of the user.  0, or -1 after the reply. */
static int
take_turn(struct session *s, const char *directory)
{
	char why[OWNED_TEXT];

	if (session_lock_take(&s->transaction->lock, directory) == 0) {
		return 0;
	}
	if (errno == EWOULDBLOCK) {
		turned_away(s, "another session has the mailbox");
		reply_error(s, REPLY_IN_USE);
		return -1;
	}
	owned_why(directory, "session", why);
	log_error("no lock against a second session: %s", why);
	return 0;
}

/*
 * True if LOGIN-DELAY has passed; else it has replied.  A last login in the
 * future means that the clock has jumped.
 */
static bool
login_delay_over(struct session *s, const char *directory)
{
	int64_t delay = (int64_t)limits_of(&s->config->login_delay, s->user);
	struct last_login last;
	char every[24], left[24];

	if (delay == 0 ||
	    last_login_read(directory, LAST_LOGIN_POP3, &last) == -1) {
		return true;
	}
	int64_t passed = time(NULL) - last.when;
	if (passed < 0 || passed >= delay) {
		return true;
	}
	turned_away(s, "login-delay");
	snprintf(every, sizeof(every), "%lld", (long long)delay);
	snprintf(left, sizeof(left), "%lld", (long long)(delay - passed));
	reply_error_with(s, REPLY_LOGIN_DELAY, REPLY_ARGS(every, left));
	return false;
}

static void
cannot_open(struct session *s, const char *path, int error)
{
	char why[FOREIGN_TEXT];

	foreign_why(error, path, why);
	log_error("cannot open %s: %s", path, why);
	reply_trouble(s,
	    error == FOREIGN_FILE ? REPLY_NO_MBOX : REPLY_CANNOT_OPEN, error,
	    NULL);
}

/* Opens the mailbox.  0, or -1 after the reply. */
static int
open_mailbox(const struct task *task, struct session *s)
{
	const struct store *store = &s->transaction->store;

	if (become(task, &s->transaction->store) == -1) {
		reply_error(s, REPLY_CANNOT_OPEN);
		return -1;
	}
	/* This may end another session of the user; what is shut in cannot. */
	if (take_turn(s, store->directory) == -1) {
		return -1;
	}
	if (confine_to_store(&s->transaction->store, &s->transaction->locks,
		LOCK_TO_READ, 1) == -1 ||
	    sandbox_mailbox() == -1) {
		log_error("cannot enter the sandbox: %s", strerror(errno));
		reply_error(s, REPLY_CANNOT_OPEN);
		return -1;
	}
	if (!login_delay_over(s, store->directory)) {
		return -1;
	}
	if (mailbox_open(&s->transaction->mailbox, store, OPEN_TIMEOUT) == -1) {
		cannot_open(s, store->mailbox, errno);
		return -1;
	}
	s->transaction->was_retrieved =
	    calloc(mailbox_count(s->transaction->mailbox) + 1, sizeof(bool));
	s->transaction->deleted =
	    calloc(mailbox_count(s->transaction->mailbox) + 1, sizeof(bool));
	if (s->transaction->was_retrieved == NULL ||
	    s->transaction->deleted == NULL) {
		reply_error(s, REPLY_MEMORY);
		return -1;
	}
	last_login_note(
	    store->directory, LAST_LOGIN_POP3, task->peer->address, task->tls);
	return 0;
}

/* Shows with each command that the session is alive. */
static enum line_check
keep_lock(struct session *s, char *line)
{
	(void)line;
	session_lock_touch(s->transaction->lock);
	return CHECK_PASSED;
}

enum status
mailbox_run(const struct task *task)
{
	const struct login *login = task->payload;
	struct transaction open = { .locks = LOCK_STOCK_EMPTY,
		.uidl_style = task->config->uidl };
	struct session s = { .state = STATE_TRANSACTION,
		.config = task->config,
		.peer = task->peer,
		.user = task->user,
		.utf8 = login->utf8 != 0,
		.transaction = &open };
	unsigned long long total;
	int64_t started = deadline_now();

	deadline_catch_shutdown();
	s.stream = stream_open(task->fd, task->out, TIMEOUT, LIFETIME);
	if (s.stream == NULL ||
	    !stream_unread(s.stream, login_bytes(login), login->pending)) {
		return STATUS_TEMPORARY;
	}
	stream_accept_lf(s.stream, true);
	if (open_mailbox(task, &s) == 0) {
		stats_add(STATS_POP3_SESSIONS, 1);
		log_info("LOGIN, user=%s, ip=[%s], port=[%u]", s.user,
		    s.peer->address, s.peer->port);
		size_t n = transaction_remaining(&s, &total);
		reply_ok_with(&s, "%zu messages, %llu octets", n, total);
		session_converse(&s, transaction_commands, keep_lock);
		session_log_ending(&s, started);
	}
	stream_flush(s.stream);
	free(open.was_retrieved);
	free(open.deleted);
	uidls_close(open.uidls);
	mailbox_close(open.mailbox);
	lock_stock_close(&open.locks);
	session_lock_release(open.lock);
	stream_close(s.stream);
	shutdown(task->out, SHUT_WR); /* the server's copy stays a little */
	return STATUS_OK;
}
