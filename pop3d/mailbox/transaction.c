/* SPDX-License-Identifier: ISC */
/* The TRANSACTION state: nothing is deleted in it, only marked. */
#include "pop3d/mailbox/transaction.h"

#include "common/log/log.h"
#include "spool/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

/* ---- numbers ---- */

enum { MOST = 1000 * 1000 * 1000 }; /* more than there is of anything */

/*
 * Reads a decimal number: digits alone, without a leading zero; one that is
 * larger comes out as MOST.  *rest is what follows.  false: none.
 */
static bool
number(const char *text, unsigned long *n, const char **rest)
{
	const char *p = text;

	*n = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		*n = *n * 10 + (unsigned long)(*p - '0');
		*n = *n > MOST ? MOST : *n;
	}
	*rest = p;
	return p != text && (*text != '0' || p == text + 1);
}

/* True if a check of the list of messages was 0; else it has replied. */
static bool
checked(struct session *s, int result)
{
	if (result == 0) {
		return true;
	}
	int error = errno;
	log_error("the index of %s is damaged, and cannot be rebuilt now: %s",
	    s->user, strerror(error));
	reply_trouble(s, REPLY_CANNOT_READ, error, NULL);
	return false;
}

/* The index of the message that the argument names, or -1 (and it said so). */
static ssize_t
message_index(struct session *s, const char *argument, const char **rest)
{
	unsigned long n;

	if (!number(argument, &n, rest) || (**rest != '\0' && **rest != ' ')) {
		reply_error(s, REPLY_NUMBER);
		return -1;
	}
	if (n == 0 || n > mailbox_count(s->transaction->mailbox)) {
		reply_error(s, REPLY_NO_MESSAGE);
		return -1;
	}
	if (s->transaction->deleted[n - 1]) {
		reply_error(s, REPLY_DELETED);
		return -1;
	}
	return checked(s, mailbox_check_at(s->transaction->mailbox, n - 1))
	           ? (ssize_t)n - 1
	           : -1;
}

/* The same for commands that take one number and no more. */
static ssize_t
only_index(struct session *s, const char *argument)
{
	const char *rest;
	ssize_t i = message_index(s, argument, &rest);

	if (i >= 0 && *rest != '\0') {
		reply_error(s, REPLY_ONE_NUMBER);
		return -1;
	}
	return i;
}

size_t
transaction_remaining(const struct session *s, unsigned long long *total)
{
	size_t n = mailbox_count(s->transaction->mailbox);

	*total = mailbox_octets(s->transaction->mailbox, s->utf8);
	for (size_t i = 0; s->transaction->ndeleted > 0 &&
			   i < mailbox_count(s->transaction->mailbox);
	     i++) {
		if (s->transaction->deleted[i]) {
			n--;
			*total -= retrieve_octets(s, i);
		}
	}
	return n;
}

/* ---- the commands ---- */

static enum next
capa(struct session *s, char *argument)
{
	(void)argument;
	reply_ok_with(s, "Capabilities follow");
	session_capabilities(s);
	stream_printf(s->stream, "USER\r\nIMPLEMENTATION restante\r\n.\r\n");
	return NEXT_COMMAND;
}

static enum next
stat_(struct session *s, char *argument)
{
	unsigned long long total;
	size_t n = transaction_remaining(s, &total);

	(void)argument;
	return reply_ok_with(s, "%zu %llu", n, total);
}

static enum next
list(struct session *s, char *argument)
{
	unsigned long long total;

	if (*argument != '\0') {
		ssize_t i = only_index(s, argument);
		return i < 0 ? NEXT_COMMAND
		             : reply_ok_with(s, "%zd %llu", i + 1,
				   retrieve_octets(s, (size_t)i));
	}
	if (!checked(s, mailbox_check(s->transaction->mailbox))) {
		return NEXT_COMMAND;
	}
	size_t n = transaction_remaining(s, &total);
	reply_ok_with(s, "%zu messages, %llu octets", n, total);
	for (size_t i = 0; i < mailbox_count(s->transaction->mailbox); i++) {
		if (!s->transaction->deleted[i]) {
			stream_printf(s->stream, "%zu %llu\r\n", i + 1,
			    retrieve_octets(s, i));
		}
	}
	stream_printf(s->stream, ".\r\n");
	return NEXT_COMMAND;
}

/* UIDLs are made, or read, when they are asked for, if they are. */
static int
prepare_uidls(struct session *s)
{
	struct transaction *t = s->transaction;
	int result = 0;

	if (t->uidl_style == UIDL_NATIVE) {
		result = mailbox_identify(t->mailbox);
	} else if (t->uidls == NULL) {
		result = uidls_open(&t->uidls, t->mailbox, t->uidl_style);
	}
	if (result == 0) {
		return 0;
	}
	int error = errno;
	log_warn("UIDLs of %s: %s", s->user,
	    error == ESTALE ? "another program has changed the mailbox"
			    : strerror(error));
	reply_trouble(s, REPLY_UIDLS, error, NULL);
	return -1;
}

static enum next
uidl(struct session *s, char *argument)
{
	char id[MAILBOX_UIDL + 1];
	ssize_t only = *argument != '\0' ? only_index(s, argument) : 0;

	if (only < 0 || prepare_uidls(s) == -1) {
		return NEXT_COMMAND;
	}
	if (*argument != '\0') {
		uidls_text(s->transaction->uidls, s->transaction->mailbox,
		    (size_t)only, id);
		return reply_ok_with(s, "%zd %s", only + 1, id);
	}
	reply_ok(s);
	for (size_t i = 0; i < mailbox_count(s->transaction->mailbox); i++) {
		if (!s->transaction->deleted[i]) {
			uidls_text(s->transaction->uidls,
			    s->transaction->mailbox, i, id);
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

	return i < 0 ? NEXT_COMMAND : retrieve(s, (size_t)i, RETRIEVE_ALL);
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
		return reply_error(s, REPLY_TOP_NUMBERS);
	}
	/* A mailbox may have that many lines. */
	return retrieve(s, (size_t)i, lines == MOST ? RETRIEVE_ALL - 1 : lines);
}

static enum next
dele(struct session *s, char *argument)
{
	ssize_t i = only_index(s, argument);

	if (i < 0) {
		return NEXT_COMMAND;
	}
	s->transaction->deleted[i] = true;
	s->transaction->ndeleted++;
	return reply_ok_with(s, "Marked for deletion at QUIT");
}

static enum next
rset(struct session *s, char *argument)
{
	(void)argument;
	memset(
	    s->transaction->deleted, 0, mailbox_count(s->transaction->mailbox));
	s->transaction->ndeleted = 0;
	return reply_ok_with(
	    s, "%zu messages", mailbox_count(s->transaction->mailbox));
}

static enum next
noop(struct session *s, char *argument)
{
	(void)argument;
	return reply_ok(s);
}

const struct command transaction_commands[] = {
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
	{ "QUIT", STATE_TRANSACTION, ARG_NONE, transaction_quit },
	{ "USER", STATE_AUTHORIZATION, ARG_REQUIRED, noop },
	{ "PASS", STATE_AUTHORIZATION, ARG_REQUIRED, noop },
	{ "STLS", STATE_AUTHORIZATION, ARG_NONE, noop },
	{ "UTF8", STATE_AUTHORIZATION, ARG_NONE, noop },
	{ NULL, 0, ARG_NONE, NULL },
};
