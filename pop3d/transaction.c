/* SPDX-License-Identifier: ISC */
/*
 * The mailbox process: becomes the user, opens the mailbox, and speaks the
 * TRANSACTION and UPDATE states.  Deletes nothing unless it is told to QUIT.
 */
#include "common/deadline.h"
#include "common/log.h"
#include "common/privilege.h"
#include "common/sandbox.h"
#include "pop3d/session.h"
#include "spool/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPEN_TIMEOUT = 20 * 1000,
	EXPUNGE_TIMEOUT = 60 * 1000,
};

/* ---- numbers ---- */

/*
 * Reads a decimal number: digits alone, without a leading zero.  *rest is
 * what is behind.  false: none, or out of range.
 */
static bool
number(const char *text, unsigned long *n, const char **rest)
{
	const char *p = text;

	*n = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (p - text == 9) {
			return false;
		}
		*n = *n * 10 + (unsigned long)(*p - '0');
	}
	*rest = p;
	return p != text && (*text != '0' || p == text + 1);
}

/* Whether what the index says of messages is right; else it said so. */
static bool
checked(struct session *s)
{
	if (mailbox_check(s->mailbox) == 0) {
		return true;
	}
	const char *code = session_trouble(errno);
	log_error("the index of %s is damaged, and cannot be made anew now: %s",
	    s->user, strerror(errno));
	session_reply(s, "-ERR %s Cannot read the mailbox; log in again", code);
	return false;
}

/* The index of the message that the argument names, or -1 (and it said so). */
static ssize_t
message_index(struct session *s, const char *argument, const char **rest)
{
	unsigned long n;

	if (!number(argument, &n, rest) || (**rest != '\0' && **rest != ' ')) {
		session_reply(s, "-ERR A message number is expected");
		return -1;
	}
	if (n == 0 || n > mailbox_count(s->mailbox)) {
		session_reply(s, "-ERR There is no such message");
		return -1;
	}
	if (s->deleted[n - 1]) {
		session_reply(s, "-ERR That message is deleted");
		return -1;
	}
	return checked(s) ? (ssize_t)n - 1 : -1;
}

/* The same for commands that take one number and no more. */
static ssize_t
only_index(struct session *s, const char *argument)
{
	const char *rest;
	ssize_t i = message_index(s, argument, &rest);

	if (i >= 0 && *rest != '\0') {
		session_reply(s, "-ERR One number is expected");
		return -1;
	}
	return i;
}

static unsigned long long
octets(const struct session *s, size_t index)
{
	return mailbox_message(s->mailbox, index)->octets;
}

/* How many messages are not deleted, and their octets. */
static size_t
remaining(const struct session *s, unsigned long long *total)
{
	size_t n = mailbox_count(s->mailbox);

	*total = mailbox_octets(s->mailbox);
	for (size_t i = 0; s->ndeleted > 0 && i < mailbox_count(s->mailbox);
	     i++) {
		if (s->deleted[i]) {
			n--;
			*total -= octets(s, i);
		}
	}
	return n;
}

/* ---- the commands ---- */

static enum next
capa(struct session *s, char *argument)
{
	(void)argument;
	session_reply(s, "+OK Capabilities follow");
	session_capabilities(s);
	stream_printf(s->stream, "USER\r\nIMPLEMENTATION restante\r\n.\r\n");
	return NEXT_COMMAND;
}

static enum next
stat_(struct session *s, char *argument)
{
	unsigned long long total;
	size_t n = remaining(s, &total);

	(void)argument;
	return session_reply(s, "+OK %zu %llu", n, total);
}

static enum next
list(struct session *s, char *argument)
{
	unsigned long long total;

	if (*argument != '\0') {
		ssize_t i = only_index(s, argument);
		return i < 0 ? NEXT_COMMAND
		             : session_reply(s, "+OK %zd %llu", i + 1,
				   octets(s, (size_t)i));
	}
	if (!checked(s)) {
		return NEXT_COMMAND;
	}
	size_t n = remaining(s, &total);
	session_reply(s, "+OK %zu messages, %llu octets", n, total);
	for (size_t i = 0; i < mailbox_count(s->mailbox); i++) {
		if (!s->deleted[i]) {
			stream_printf(
			    s->stream, "%zu %llu\r\n", i + 1, octets(s, i));
		}
	}
	stream_printf(s->stream, ".\r\n");
	return NEXT_COMMAND;
}

/* Another server's UIDLs are read when they are asked for, if they are. */
static int
prepare_uidls(struct session *s)
{
	if (s->uidl_style == UIDL_NATIVE || s->uidls != NULL ||
	    uidls_open(&s->uidls, s->mailbox, s->uidl_style) == 0) {
		return 0;
	}
	const char *code = session_trouble(errno);
	log_warn("UIDLs of %s: %s", s->user,
	    errno == ESTALE ? "another program has changed the mailbox"
			    : strerror(errno));
	session_reply(
	    s, "-ERR %s UIDLs cannot be told now; log in again", code);
	return -1;
}

static enum next
uidl(struct session *s, char *argument)
{
	char id[MAILBOX_UIDL + 1];
	ssize_t only = *argument != '\0' ? only_index(s, argument) : 0;

	if (only < 0 || !checked(s) || prepare_uidls(s) == -1) {
		return NEXT_COMMAND;
	}
	if (*argument != '\0') {
		uidls_text(s->uidls, s->mailbox, (size_t)only, id);
		return session_reply(s, "+OK %zd %s", only + 1, id);
	}
	session_reply(s, "+OK");
	for (size_t i = 0; i < mailbox_count(s->mailbox); i++) {
		if (!s->deleted[i]) {
			uidls_text(s->uidls, s->mailbox, i, id);
			stream_printf(s->stream, "%zu %s\r\n", i + 1, id);
		}
	}
	stream_printf(s->stream, ".\r\n");
	return NEXT_COMMAND;
}

static enum next
retr(struct session *s, char *argument)
{
	ssize_t i = only_index(s, argument);

	if (i < 0) {
		return NEXT_COMMAND;
	}
	s->retrieved += octets(s, (size_t)i);
	return retrieve(s, (size_t)i, RETRIEVE_ALL);
}

static enum next
top(struct session *s, char *argument)
{
	const char *rest;
	unsigned long lines;
	ssize_t i = message_index(s, argument, &rest);

	if (i < 0) {
		return NEXT_COMMAND;
	}
	if (*rest != ' ' || !number(rest + 1, &lines, &rest) || *rest != '\0') {
		return session_reply(
		    s, "-ERR TOP takes a message number and a number of lines");
	}
	return retrieve(s, (size_t)i, lines);
}

static enum next
dele(struct session *s, char *argument)
{
	ssize_t i = only_index(s, argument);

	if (i < 0) {
		return NEXT_COMMAND;
	}
	s->deleted[i] = true;
	s->ndeleted++;
	return session_reply(s, "+OK It goes at QUIT");
}

static enum next
rset(struct session *s, char *argument)
{
	(void)argument;
	memset(s->deleted, 0, mailbox_count(s->mailbox));
	s->ndeleted = 0;
	return session_reply(s, "+OK %zu messages", mailbox_count(s->mailbox));
}

static enum next
noop(struct session *s, char *argument)
{
	(void)argument;
	return session_reply(s, "+OK");
}

/* The UPDATE state: +OK only when what was deleted is gone for good. */
static enum next
quit(struct session *s, char *argument)
{
	unsigned long long total;

	(void)argument;
	size_t left = remaining(s, &total);
	if (left < mailbox_count(s->mailbox) &&
	    mailbox_expunge(s->mailbox, s->deleted, EXPUNGE_TIMEOUT) == -1) {
		const char *code = session_trouble(errno);
		log_error(
		    "cannot delete mail of %s: %s", s->user, strerror(errno));
		session_reply(s, "-ERR %s Messages were not deleted", code);
		return NEXT_END;
	}
	/* Who hears this may log in again at once. */
	session_lock_release(s->lock);
	s->lock = NULL;
	session_reply(s, "+OK Bye, %zu messages left", left);
	return NEXT_END;
}

static const struct command commands[] = {
	{ "STAT", STATE_TRANSACTION, ARG_NONE, stat_ },
	{ "LIST", STATE_TRANSACTION, ARG_OPTIONAL, list },
	{ "RETR", STATE_TRANSACTION, ARG_REQUIRED, retr },
	{ "DELE", STATE_TRANSACTION, ARG_REQUIRED, dele },
	{ "NOOP", STATE_TRANSACTION, ARG_NONE, noop },
	{ "RSET", STATE_TRANSACTION, ARG_NONE, rset },
	{ "TOP", STATE_TRANSACTION, ARG_REQUIRED, top },
	{ "UIDL", STATE_TRANSACTION, ARG_OPTIONAL, uidl },
	{ "CAPA", STATE_TRANSACTION, ARG_NONE, capa },
	{ "LANG", STATE_TRANSACTION, ARG_OPTIONAL, session_lang },
	{ "QUIT", STATE_TRANSACTION, ARG_NONE, quit },
	{ "USER", STATE_AUTHORIZATION, ARG_REQUIRED, noop },
	{ "PASS", STATE_AUTHORIZATION, ARG_REQUIRED, noop },
	{ "STLS", STATE_AUTHORIZATION, ARG_NONE, noop },
	{ "UTF8", STATE_AUTHORIZATION, ARG_NONE, noop },
	{ NULL, 0, ARG_NONE, NULL },
};

/* ---- the process ---- */

/* Becomes the user and opens the mailbox.  0, or -1 and it said so. */
static int
open_mailbox(const struct task *task, struct session *s)
{
	struct account account;
	struct store store;

	if (account_find(task->config, task->names, task->user, &account) !=
		STATUS_OK ||
	    account_mailbox(task->config, &account, store.mailbox) == -1 ||
	    account_directory(task->config, &account, store.directory) == -1 ||
	    privilege_become(account.uid, account.gid,
		privilege_spool_group(store.mailbox)) == -1) {
		log_error("cannot find or become the owner of the mailbox of "
			  "%s",
		    task->user);
		session_reply(s, "-ERR [SYS/TEMP] Cannot open the mailbox now");
		return -1;
	}
	umask(077);
	if (sandbox_mailbox() == -1) {
		log_error("cannot enter the sandbox: %s", strerror(errno));
		session_reply(s, "-ERR [SYS/TEMP] Cannot open the mailbox now");
		return -1;
	}
	if (session_lock_take(&s->lock, store.directory) == -1) {
		if (errno == EWOULDBLOCK) {
			log_info("a second session of %s is refused", s->user);
			session_reply(s, "-ERR [IN-USE] Another session has "
					 "this mailbox open");
			return -1;
		}
		log_error("no session lock in %s: %s", store.directory,
		    strerror(errno));
	}
	if (mailbox_open(&s->mailbox, &store, OPEN_TIMEOUT) == -1) {
		const char *code = session_trouble(errno);
		log_error("cannot open %s: %s", store.mailbox, strerror(errno));
		session_reply(s, "-ERR %s Cannot open the mailbox now", code);
		return -1;
	}
	s->deleted = calloc(mailbox_count(s->mailbox) + 1, sizeof(bool));
	if (s->deleted == NULL) {
		session_reply(s, "-ERR [SYS/TEMP] No memory");
		return -1;
	}
	return 0;
}

enum status
mailbox_run(const struct task *task)
{
	const struct login *login = task->payload;
	struct session s = { .state = STATE_TRANSACTION,
		.peer = task->peer,
		.user = task->user,
		.uidl_style = task->config->uidl };
	unsigned long long total;

	deadline_catch_shutdown();
	s.stream = stream_open(task->fd, task->out, TIMEOUT, LIFETIME);
	if (s.stream == NULL ||
	    !stream_unread(s.stream, login->bytes, login->pending)) {
		return STATUS_TEMPORARY;
	}
	stream_accept_lf(s.stream, true);
	if (open_mailbox(task, &s) == 0) {
		log_info("LOGIN, user=%s, ip=[%s], port=[%u]", s.user,
		    s.peer->address, s.peer->port);
		size_t n = remaining(&s, &total);
		session_reply(&s, "+OK %zu messages, %llu octets", n, total);
		session_converse(&s, commands);
		log_info("LOGOUT, user=%s, ip=[%s], port=[%u], retr=%llu",
		    s.user, s.peer->address, s.peer->port, s.retrieved);
	}
	stream_flush(s.stream);
	free(s.deleted);
	uidls_close(s.uidls);
	mailbox_close(s.mailbox);
	session_lock_release(s.lock);
	stream_close(s.stream);
	shutdown(task->out, SHUT_WR); /* the server's copy stays a little */
	return STATUS_OK;
}
