/* SPDX-License-Identifier: ISC */
/* The sendmail command: envelope and header section of what a script sends. */
#include "smtpd/send/submit.h"

#include "common/log/log.h"
#include "common/mime/mailboxes.h"
#include "common/mime/word.h"
#include "common/text/date.h"
#include "smtpd/message/fixup.h"
#include "smtpd/send/identity.h"
#include "smtpd/send/submission.h"
#include "smtpd/message/rewrite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

struct draft {
	const struct config *config;
	const struct options *options;
	struct input input;
	struct identity identity;
	bool known;                /* identity */
	char sender[ADDRESS_TEXT]; /* of the envelope, before masquerading */
	struct recipients recipients;
	char *head; /* as it came */
	size_t head_len;
	char *fixed; /* as it goes out */
	size_t fixed_len;
};

/*
 * Looking a user up loads libraries: only when that matters.  NULL: that cannot
 * be done now.
 */
static const struct identity *
caller(struct draft *s)
{
	if (!s->known) {
		if (identity_find(getuid(), &s->identity) == -1) {
			return NULL;
		}
		s->known = true;
	}
	return &s->identity;
}

/* ---- the envelope ---- */

static int
bad_address(const char *text, enum recipients_result why)
{
	switch (why) {
	case RECIPIENTS_OK:
		return EX_OK;
	case RECIPIENTS_MEMORY:
		log_error("no memory for the recipients");
		return EX_TEMPFAIL;
	case RECIPIENTS_8BIT:
		log_error(
		    "\"%s\": addresses outside ASCII must be UTF-8", text);
		return EX_USAGE;
	case RECIPIENTS_BROKEN:
		break;
	}
	log_error("\"%s\" is not an address", text);
	return EX_USAGE;
}

/* -f: one address, maybe with a name; "" and "<>" are the null path. */
static int
find_sender(struct draft *s)
{
	const char *from = s->options->from;
	struct recipients one = { .list = NULL };

	if (from == NULL) {
		const struct identity *who = caller(s);
		if (who == NULL) {
			return EX_TEMPFAIL;
		}
		from = who->login;
	}
	if (*from == '\0' || strcmp(from, "<>") == 0) {
		s->sender[0] = '\0';
		return EX_OK;
	}
	enum recipients_result result =
	    recipients_add(&one, s->config, from, strlen(from));
	if (result == RECIPIENTS_OK && one.count != 1) {
		result = RECIPIENTS_BROKEN;
	}
	if (result == RECIPIENTS_OK) {
		strlcpy(s->sender, one.list[0], sizeof(s->sender));
	}
	recipients_free(&one);
	return bad_address(from, result);
}

/* A line end or its like is no part of an address, and no blank as in fields.
 */
static enum recipients_result
add_argument(struct draft *s, const char *text)
{
	size_t len = strlen(text);

	for (const char *c = text; *c != '\0'; c++) {
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == '\177') {
			return recipients_add_broken(
			    &s->recipients, s->config, text, len);
		}
	}
	return recipients_add(&s->recipients, s->config, text, len);
}

static int
find_recipients(struct draft *s)
{
	char **r = s->options->recipients;
	int status = EX_OK;

	if (*r == NULL && !s->options->from_headers) {
		log_error("no recipient: name them as arguments, or in the "
			  "message with -t");
		return EX_USAGE;
	}
	for (; *r != NULL && status != EX_TEMPFAIL; r++) {
		if ((*r)[strspn(*r, " \t,")] == '\0') {
			log_warn("\"%s\" is not an address", *r);
			continue;
		}
		status = bad_address(*r, add_argument(s, *r));
	}
	return status == EX_TEMPFAIL ? status : EX_OK;
}

/* ---- the header section ---- */

static int
read_head(struct draft *s)
{
	switch (head_read(&s->input, &s->head, &s->head_len)) {
	case HEAD_OK:
		return EX_OK;
	case HEAD_LONG:
		log_error("the header section has more than %d octets: an "
			  "empty line should end it",
		    HEAD_MOST);
		return EX_DATAERR;
	case HEAD_ERROR:
		break;
	}
	log_error("cannot read the message: %s", strerror(errno));
	return EX_IOERR;
}

enum { FROM_SIZE = WORD_ENCODED(IDENTITY_NAME) + 2 * ADDRESS_TEXT };

/*
 * The value of From: the sender, with -F or the full name of the account.  An
 * exit status.
 */
static int
make_from(struct draft *s, char from[FROM_SIZE])
{
	const struct options *o = s->options;
	char address[ADDRESS_TEXT], other[ADDRESS_TEXT];
	const char *name = o->full_name;
	size_t column = strlen("From: ");

	strlcpy(address, s->sender, sizeof(address));
	bool ours = o->from == NULL || *s->sender == '\0';
	const struct identity *who = ours ? caller(s) : NULL;
	if (ours && who == NULL) {
		return EX_TEMPFAIL;
	}
	if (name == NULL) {
		name = ours ? who->name : "";
	}
	if (address[0] == '\0' &&
	    rewrite_path(s->config, who->login, address) != PATH_OK) {
		return EX_USAGE;
	}
	if (rewrite_masquerade(s->config, REWRITE_COMMAND, address, other)) {
		strlcpy(address, other, sizeof(address));
	}
	if (strlen(name) > IDENTITY_NAME) {
		return EX_USAGE;
	}
	return mailboxes_write(name, strlen(name), address, &column, "\n", from,
		   FROM_SIZE) == -1
	           ? EX_USAGE
	           : EX_OK;
}

static int
fix_head(struct draft *s, const struct fixup *x)
{
	FILE *out = open_memstream(&s->fixed, &s->fixed_len);

	if (out == NULL) {
		log_error("no memory for the header section");
		return EX_TEMPFAIL;
	}
	int result = fixup_head(x, s->head, s->head_len, out);
	if (fclose(out) == EOF || result == -1) {
		log_error("no memory for the header section");
		return EX_TEMPFAIL;
	}
	return EX_OK;
}

static int
make_head(struct draft *s)
{
	char from[FROM_SIZE], date[DATE_SIZE], id[CONFIG_NAME + MAIL_ID + 4];
	char unique[MAIL_ID + 1];
	unsigned has = fixup_survey(s->head, s->head_len);
	bool take = s->options->from_headers;
	struct fixup x = { .config = s->config,
		.date = date,
		.id = id,
		.recipients = take ? &s->recipients : NULL,
		.no_to = take };

	if ((has & FIXUP_FROM) == 0) {
		int status = make_from(s, from);
		if (status == EX_USAGE) {
			log_error("the name of -F is too long: at most %d "
				  "octets",
			    IDENTITY_NAME);
		}
		if (status != EX_OK) {
			return status;
		}
		x.from = from;
	}
	date_text(time(NULL), date);
	mail_new_id(unique);
	snprintf(id, sizeof(id), "<%s@%s>", unique, s->config->hostname);
	return fix_head(s, &x);
}

/* ---- the steps ---- */

/* EX_OK if somebody may get it. */
static int
need_somebody(const struct draft *s)
{
	const struct recipients *r = &s->recipients;
	bool named = *s->options->recipients != NULL;

	if (r->count > r->broken) {
		return EX_OK;
	}
	if (r->count == 0 || named) {
		log_error("no recipient%s: nothing was sent",
		    named ? "" : " in To, Cc and Bcc of the message");
		return EX_USAGE;
	}
	log_error("To, Cc, Bcc: %s: nothing was sent", r->list[0]);
	return EX_DATAERR;
}

static int
send_draft(struct draft *s, struct reserve *reserve)
{
	const struct options *o = s->options;
	char sender[ADDRESS_TEXT];
	int status = need_somebody(s);

	if (status != EX_OK) {
		return status;
	}
	if (!rewrite_masquerade(
		s->config, REWRITE_COMMAND, s->sender, sender)) {
		strlcpy(sender, s->sender, sizeof(sender));
	}
	struct submission submission = { .sender = sender,
		.recipients = &s->recipients,
		.head = s->fixed,
		.head_len = s->fixed_len,
		.body = &s->input,
		.seven_bit = o->seven_bit,
		.notify = o->notify,
		.ret = o->ret,
		.envid = o->envid };
	return submission_send(reserve, &submission);
}

int
submit_begun(struct reserve *reserve, const struct options *o, int fd)
{
	struct draft *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		log_error("no memory for the message");
		return EX_TEMPFAIL;
	}
	s->config = reserve->config;
	s->options = o;
	s->input.fd = fd;
	s->input.dot_is_text = o->dot_is_text;
	int status = find_sender(s);
	if (status == EX_OK) {
		status = find_recipients(s);
	}
	if (status == EX_OK) {
		status = read_head(s);
	}
	if (status == EX_OK) {
		status = make_head(s);
	}
	if (status == EX_OK) {
		status = send_draft(s, reserve);
	}
	recipients_free(&s->recipients);
	free(s->input.back);
	free(s->head);
	free(s->fixed);
	free(s);
	return status;
}

int
submit(const struct service *service, const struct config *config,
    const struct options *o, int fd)
{
	struct reserve reserve;

	reserve_begin(&reserve, service, config);
	int status = submit_begun(&reserve, o, fd);
	reserve_end(&reserve);
	return status;
}
