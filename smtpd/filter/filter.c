/* SPDX-License-Identifier: ISC */
/*
 * Has one filter look at one message.  Runs as root (if the server does) until
 * it is confined: until then it connects to the filter, and no more.  What the
 * filter wants is noted; only when it has said its last word is the message
 * written again, and if it fails before, nothing has happened.
 */
#include "smtpd/filter/filter.h"

#include "common/job/clients.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "smtpd/filter/filter_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(struct filter_answer) <= CHANNEL_DATA, "it fits");
_Static_assert((int)FILTER_LINE == (int)MILTER_LINE &&
		   (int)MAIL_REASON + 1 == (int)MILTER_REASON &&
		   (int)FILTER_ADDED == (int)MILTER_ADDED &&
		   (int)FILTER_RCPTS == (int)MILTER_RCPTS,
    "the answer has what a filter says");

enum { CONNECT = 30 * 1000 }; /* ms */

static bool
is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool
filter_valid(const void *payload, size_t size)
{
	const struct filter_question *q = payload;

	return size > sizeof(*q) + MAIL_LINE && q->filter < CONFIG_LIST &&
	       q->patience <= FILTER_PATIENCE &&
	       is_text(q->helo, sizeof(q->helo)) &&
	       is_text(q->tls, sizeof(q->tls)) &&
	       is_text(q->method, sizeof(q->method));
}

/* ---- before and after the filter ---- */

/* The time that it has, ms. */
static int
patience_of(const struct filtering *f)
{
	int64_t own = (int64_t)f->config->filter_timeout * 1000;

	return (int)(own < f->question.patience ? own : f->question.patience);
}

/* Connects; a fault is the filter's. */
static bool
connect_filter(struct filtering *f)
{
	struct milter_place place;
	int patience = patience_of(f);

	f->name = f->config->filters[f->question.filter];
	f->talk.fd = -1;
	if (!milter_place(f->name, &place)) {
		f->milter.fault = "its address is malformed";
		return false;
	}
	if (talk_connect(&f->talk, &place,
		patience < CONNECT ? patience : CONNECT) == -1) {
		f->milter.fault = strerror(errno);
		return false;
	}
	return true;
}

/* Connects; *connected: the filter is there.  -1: the file is not. */
static int
begin(struct filtering *f, bool *connected)
{
	off_t size = lseek(f->fd, 0, SEEK_END);

	if (size == -1) {
		return -1;
	}
	f->size = (size_t)size;
	*connected = connect_filter(f);
	return 0;
}

/* Lists the recipients for the machine; the list is never freed. */
static int
prepare(struct filtering *f)
{
	const char **rcpts = calloc(f->mail.count + 1, sizeof(*rcpts));

	if (rcpts == NULL || talk_begin(&f->talk, patience_of(f)) == -1) {
		return -1;
	}
	for (size_t i = 0; i < f->mail.count; i++) {
		rcpts[i] = f->mail.recipients[i].text;
	}
	f->new_end = f->mail.size = f->size;
	f->milter.edits = &f->edits;
	f->milter.rcpts = rcpts;
	f->milter.nrcpts = f->mail.count;
	return filter_read(f);
}

/* Has the filter play; 0, or -1: the file cannot be read or written. */
static int
play(struct filtering *f, struct filter_answer *a)
{
	const struct milter *m = &f->milter;

	if (prepare(f) == -1) {
		return -1;
	}
	if (f->too_long) {
		a->outcome = FILTER_HEADER;
		return 0;
	}
	enum filter_played played = filter_replay(f);
	if (played == FILTER_PLAYED && m->outcome == MILTER_ACCEPT) {
		a->outcome = FILTER_ACCEPT;
		/* Users' mail is not marked: see filtering.c of the session. */
		bool user = f->user[0] != '\0' || f->role == ROLE_LOCAL ||
		            client_trusted(f->config, f->peer) != NULL;
		if (!user && milter_flag(&f->milter) == -1) {
			errno = ENOMEM;
			return -1;
		}
		return filter_rewrite(f);
	}
	a->outcome = played != FILTER_PLAYED        ? FILTER_FAILED
	             : m->outcome == MILTER_DISCARD ? FILTER_DISCARD
	                                            : FILTER_REFUSE;
	int error = errno;
	if (filter_drop_pieces(f) == -1) {
		return -1;
	}
	errno = error;
	return played == FILTER_BROKEN ? -1 : 0;
}

static void
answer_from(const struct filtering *f, struct filter_answer *a)
{
	const struct milter *m = &f->milter;

	memcpy(a->line, m->line, sizeof(a->line));
	if (a->outcome != FILTER_ACCEPT) {
		return;
	}
	memcpy(a->reason, m->reason, sizeof(a->reason));
	memcpy(a->sender, m->sender, sizeof(a->sender));
	memcpy(a->deleted, m->deleted, sizeof(a->deleted));
	memcpy(a->added, m->added, sizeof(a->added));
	a->marked = m->marked;
	a->new_sender = m->new_sender;
	a->added_len = (uint32_t)m->added_len;
}

/* ---- the worker ---- */

/* Takes the question and its envelope, once it is confined. */
static bool
take_envelope(struct filtering *f, const struct task *task)
{
	const char *text = (const char *)task->payload + sizeof(f->question);
	size_t size = task->size - sizeof(f->question), len;

	return mail_parse(&f->mail, text, size, &len) == MAIL_OK && len == size;
}

enum status
filter_run(const struct task *task)
{
	struct filter_answer a = { .outcome = FILTER_FAILED };
	struct filtering *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		log_error("cannot filter a message: %s", strerror(errno));
		return STATUS_TEMPORARY;
	}
	f->config = task->config;
	f->peer = task->peer;
	f->role = task->role;
	f->user = task->user;
	f->fd = task->fd;
	memcpy(&f->question, task->payload, sizeof(f->question));
	if (f->question.filter >= f->config->nfilters) {
		return STATUS_TEMPORARY;
	}
	bool connected = false;
	if (begin(f, &connected) == -1) {
		log_error("cannot filter a message: %s", strerror(errno));
		return STATUS_TEMPORARY;
	}
	privilege_become_talker(task->config);
	if (!take_envelope(f, task)) {
		log_error("a session sent a malformed envelope: refused");
		return STATUS_TEMPORARY;
	}
	if (connected && play(f, &a) == -1) {
		log_error("%s: the message cannot be filtered: %s", f->mail.id,
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	if (a.outcome == FILTER_FAILED) {
		log_error("%s: filter %s: %s; %s", f->mail.id, f->name,
		    f->milter.fault,
		    f->config->filter_accept
			? "the message goes on without it"
			: "the client is told to try again (see "
			  "filter-failure)");
	}
	answer_from(f, &a);
	memcpy(task->reply->data, &a, sizeof(a));
	task->reply->size = sizeof(a);
	return STATUS_OK;
}

/* ---- a trial ---- */

/* Says what came of it. */
static void
tell(const struct filtering *f, const struct filter_answer *a,
    struct filter_probe *probe)
{
	const struct milter *m = &f->milter;

	probe->answered = a->outcome != FILTER_FAILED;
	probe->refused = a->outcome == FILTER_REFUSE ||
	                 a->outcome == FILTER_DISCARD || a->marked != 0 ||
	                 a->reason[0] != '\0';
	strlcpy(probe->text,
	    a->outcome == FILTER_FAILED    ? m->fault
	    : a->outcome == FILTER_REFUSE  ? a->line
	    : a->outcome == FILTER_DISCARD ? "discarded"
	    : a->reason[0] != '\0'         ? "held"
	    : a->marked != 0               ? "marked as spam"
					   : "accepted",
	    sizeof(probe->text));
}

void
filter_probe(const struct config *config, size_t filter, int fd,
    struct filter_probe *probe)
{
	static const struct peer peer = { .address = "192.0.2.1", .port = 25 };
	struct recipient rcpt = { .target = TARGET_ADDRESS };
	struct filter_answer a = { .outcome = FILTER_FAILED };
	static struct filtering f;
	char address[ADDRESS_TEXT];

	f.config = config;
	f.peer = &peer;
	f.role = ROLE_MX;
	f.user = "";
	f.fd = fd;
	f.question.filter = (uint32_t)filter;
	f.question.patience = FILTER_PATIENCE;
	strlcpy(f.question.helo, "example.org", sizeof(f.question.helo));
	mail_init(&f.mail);
	strlcpy(f.mail.sender, "sender@example.org", sizeof(f.mail.sender));
	snprintf(address, sizeof(address), "postmaster@%s", config->domains[0]);
	rcpt.text = address;
	bool connected = false;
	int begun = begin(&f, &connected);
	privilege_become_talker(config);
	if (begun == -1 || mail_add(&f.mail, &rcpt) == -1 ||
	    (connected && play(&f, &a) == -1)) {
		strlcpy(probe->text, strerror(errno), sizeof(probe->text));
		return;
	}
	answer_from(&f, &a);
	tell(&f, &a, probe);
}
