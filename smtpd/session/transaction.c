/* SPDX-License-Identifier: ISC */
/* MAIL and RCPT: who sends, and whether the mail is for somebody here. */
#include "smtpd/session/session.h"

#include "common/session/offence.h"
#include "common/session/secure.h"
#include "smtpd/session/events.h"
#include "smtpd/session/params.h"
#include "smtpd/session/sender.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/statfs.h>
#include <time.h>

/* Behind "FROM:" or "TO:", or NULL. */
static const char *
behind(const char *argument, const char *word)
{
	size_t n = strlen(word);

	argument += strspn(argument, " \t");
	if (strncasecmp(argument, word, n) != 0) {
		return NULL;
	}
	argument += n;
	argument += strspn(argument, " \t");
	return *argument == ':' ? argument + 1 : NULL;
}

static enum next
bad_path(struct session *s, enum path why, const char *code)
{
	switch (why) {
	case PATH_LONG:
		return session_reply(s, "501 %s Address too long", code);
	case PATH_8BIT:
		return session_reply(s,
		    "553 5.6.7 Addresses outside ASCII are UTF-8, and need "
		    "SMTPUTF8 behind MAIL");
	case PATH_OK:
	case PATH_SYNTAX:
		break;
	}
	return session_reply(
	    s, "501 %s Address expected, such as <user@example.org>", code);
}

static enum next
bad_params(struct session *s, enum params why)
{
	switch (why) {
	case PARAMS_UNKNOWN:
		return session_reply(s, "555 5.5.4 Unknown parameter");
	case PARAMS_HOLD:
		return session_reply(
		    s, "501 5.5.4 Not held for more than 30 days");
	case PARAMS_BY:
		return session_reply(
		    s, "501 5.5.4 BY with R needs 60 seconds or more");
	case PARAMS_OK:
	case PARAMS_SYNTAX:
		break;
	}
	return session_reply(s, "501 5.5.4 Malformed parameter");
}

/* Whether the disk has room for a message of that size. */
static bool
has_room(const struct session *s, uint64_t size)
{
	struct statfs fs;

	if (size == 0 || s->connection->body == -1 ||
	    fstatfs(s->connection->body, &fs) == -1) {
		return true; /* it will show when it is written */
	}
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize > size;
}

/* A sender who is not the one who has logged in. */
static enum next
not_yours(struct session *s, const struct address *sender)
{
	char reply[USER_NAME + 128];

	snprintf(reply, sizeof(reply),
	    "553 5.7.1 Not an address of %s: use your own, or have it allowed "
	    "by the key sender",
	    s->user);
	address_text(sender, s->mail.sender, sizeof(s->mail.sender));
	event_reject(s, "NOQUEUE", "MAIL", reply, NULL);
	session_reset(s);
	return session_reply(s, "%s", reply);
}

enum next
command_mail(struct session *s, char *argument)
{
	const struct config *config = s->connection->config;
	const char *text = behind(argument, "FROM"), *rest;
	const struct params_rules rules = { .now = time(NULL),
		.tls = s->tls[0] != '\0',
		.hold = session_is_submission(s) };
	struct address sender;
	struct mail mail;
	bool binary;

	if (s->connection->role == ROLE_SUBMISSION && !session_is_user(s)) {
		return session_reply(s, "530 5.7.0 %s",
		    secure_for_passwords(s->connection, s->stream)
			? "Log in first"
			: "STARTTLS and log in first");
	}
	if (text == NULL) {
		return session_reply(s, "501 5.5.4 Write MAIL FROM:<address>");
	}
	enum path path = address_path_utf8(text, &sender, &rest);
	if (path != PATH_OK) {
		return bad_path(s, path, "5.1.7");
	}
	mail_init(&mail);
	enum params parsed = params_mail(rest, &rules, &mail, &binary);
	if (parsed != PARAMS_OK) {
		return bad_params(s, parsed);
	}
	if (!mail.utf8 && !address_is_ascii(text, rest)) {
		return bad_path(s, PATH_8BIT, "5.1.7");
	}
	if (config->size_limit != 0 && mail.size > config->size_limit) {
		event_reject(
		    s, "NOQUEUE", "MAIL", "552 5.3.4 Message too big", NULL);
		return session_reply(s,
		    "552 5.3.4 Message too big: at most %llu octets",
		    (unsigned long long)config->size_limit);
	}
	if (!sender_allowed(s, &sender)) {
		return not_yours(s, &sender);
	}
	if (!has_room(s, mail.size)) {
		event_reject(s, "NOQUEUE", "MAIL",
		    "452 4.3.1 No room on the disk now", NULL);
		return session_reply(s, "452 4.3.1 No room on the disk now");
	}
	session_reset(s);
	address_text(&sender, mail.sender, sizeof(mail.sender));
	/* Strangers' mail has no higher priority than that of our users. */
	bool lowered = mail.priority > 0 && !session_is_user(s);
	mail.priority = lowered ? 0 : mail.priority;
	s->mail = mail;
	s->binary = binary;
	s->state = STATE_MAIL;
	return session_reply(s, "%s", /* RFC 6710 section 5.1 */
	    lowered ? "250 2.3.6 OK, with priority 0" : "250 2.1.0 OK");
}

/* For a reason that says nothing against the address. */
static enum next
turn_away(struct session *s, const struct address *a, const char *reply)
{
	event_reject(s, "NOQUEUE", "RCPT", reply, a);
	s->refused++;
	return session_reply(s, "%s", reply);
}

static enum next
refuse_rcpt(struct session *s, const struct address *a, const char *reply)
{
	if (reply[0] == '5' && !session_is_user(s)) {
		offence_report(s->connection, OFFENCE_RECIPIENT);
	}
	return turn_away(s, a, reply);
}

/* True if RCPT has named that address before. */
static bool
has_rcpt(const struct mail *mail, const char *text)
{
	size_t i = 0;

	while (i < mail->count &&
	       strcasecmp(mail->recipients[i].text, text) != 0) {
		i++;
	}
	return i < mail->count;
}

/* Adds a recipient; one that is there already gets the message once. */
static enum next
add_rcpt(struct session *s, const struct address *a, const struct recipient *r,
    const char *reply)
{
	char text[ADDRESS_TEXT];
	struct recipient added = *r;

	added.text = address_text(a, text, sizeof(text));
	bool new = !has_rcpt(&s->mail, text);
	if (s->accepted == ENVELOPE_RCPTS) {
		session_reply(s, "452 4.5.3 Too many recipients: "
				 "send to these, then to the others");
		/* Clients may learn of the limit in this way alone: those who
		   are accepted must not go away with the session. */
		s->errors--;
		return NEXT_COMMAND;
	}
	if (new &&mail_add(&s->mail, &added) == -1) {
		return session_reply(s, "451 4.3.0 No memory now");
	}
	s->accepted++;
	s->state = STATE_RCPT;
	s->idle--; /* it does bring mail nearer */
	return session_reply(s, "%s", reply);
}

/* One whose alias tells of another address (RFC 5321 section 3.4). */
static enum next
moved_rcpt(struct session *s, const struct address *a,
    const struct recipient *to, const struct alias *alias)
{
	char reply[ALIAS_TARGET + 64];

	if (alias->kind == ALIAS_MOVED) {
		snprintf(reply, sizeof(reply),
		    "551 5.1.6 No longer here: please try <%s>",
		    alias->targets[0]);
		return refuse_rcpt(s, a, reply);
	}
	snprintf(reply, sizeof(reply), "251 2.1.5 Will forward to <%s>",
	    alias->targets[0]);
	return add_rcpt(s, a, to, reply);
}

static enum next
refuse_listed(struct session *s, const struct address *a)
{
	const struct dnsbl_answer *found = &s->policy.answer;
	char reply[512];

	/* In the words that programs which read logs know from Postfix. */
	snprintf(reply, sizeof(reply),
	    "554 5.7.1 Service unavailable; Client host [%s] blocked using "
	    "%s%s%s",
	    session_peer(s), s->connection->config->dnsbl[found->list].zone,
	    found->text[0] != '\0' ? "; " : "", found->text);
	return turn_away(s, a, reply);
}

static enum next
refuse_grey(struct session *s, const struct address *a)
{
	char reply[128];

	snprintf(reply, sizeof(reply),
	    "450 4.7.1 Greylisted: try again in %u seconds or later",
	    s->connection->config->greylist);
	return turn_away(s, a, reply);
}

/* The order of the refusals: by the client, then as a worker has it. */
static enum next
local_rcpt(
    struct session *s, const struct address *a, const struct recipient *to)
{
	char local[ADDRESS_PATH + 1];
	struct resolved r;

	if (!address_unquote(a->local, local, sizeof(local)) ||
	    address_is_routed(local)) {
		return refuse_rcpt(s, a, "550 5.7.1 Relaying denied");
	}
	if (rcpt_policy_listed(s, a)) {
		return refuse_listed(s, a);
	}
	switch (rcpt_policy_check(s, a, &r)) {
	case RCPT_OK:
		return r.kind == RESOLVED_ALIAS && r.alias.kind != ALIAS_LIST
		           ? moved_rcpt(s, a, to, &r.alias)
		           : add_rcpt(s, a, to, "250 2.1.5 OK");
	case RCPT_NO:
		return refuse_rcpt(s, a, "550 5.1.1 No such user here");
	case RCPT_TOO_BIG:
		return turn_away(s, a,
		    "552 5.2.2 The message is larger than that mailbox may be");
	case RCPT_FULL:
		return turn_away(s, a, "452 4.2.2 That mailbox is full");
	case RCPT_GREY:
		return refuse_grey(s, a);
	case RCPT_TEMPORARY:
		break;
	}
	return refuse_rcpt(s, a, "451 4.3.0 Cannot look that user up now");
}

/* An address of somebody else's: for our users alone. */
static enum next
remote_rcpt(
    struct session *s, const struct address *a, const struct recipient *to)
{
	if (!session_is_user(s)) {
		return refuse_rcpt(s, a, "550 5.7.1 Relaying denied");
	}
	return add_rcpt(s, a, to, "250 2.1.5 OK");
}

enum next
command_rcpt(struct session *s, char *argument)
{
	const char *text = behind(argument, "TO"), *rest;
	char orcpt[MAIL_ORCPT + 1];
	struct recipient to = { .target = TARGET_ADDRESS };
	struct address a;

	if (text == NULL) {
		return session_reply(s, "501 5.5.4 Write RCPT TO:<address>");
	}
	enum path path = s->mail.utf8 ? address_path_utf8(text, &a, &rest)
	                              : address_path(text, &a, &rest);
	if (path != PATH_OK || address_is_null(&a)) {
		return bad_path(s, path, "5.1.3");
	}
	enum params parsed = params_rcpt(rest, &to, orcpt);
	if (parsed != PARAMS_OK) {
		return bad_params(s, parsed);
	}
	if (a.domain[0] != '\0') {
		return config_is_ours(s->connection->config, a.domain)
		           ? local_rcpt(s, &a, &to)
		           : remote_rcpt(s, &a, &to);
	}
	if (strcasecmp(a.local, "postmaster") != 0 && !session_is_user(s)) {
		return refuse_rcpt(s, &a,
		    address_is_routed(a.local)
			? "550 5.7.1 Relaying denied"
			: "553 5.1.3 The address needs a domain");
	}
	return local_rcpt(s, &a, &to);
}
