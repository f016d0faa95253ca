/* SPDX-License-Identifier: ISC */
/* MAIL and RCPT: who sends, and whether the mail is for somebody here. */
#include "common/session/secure.h"
#include "smtpd/message/rewrite.h"
#include "smtpd/session/access_policy.h"
#include "smtpd/session/commands.h"
#include "smtpd/session/events.h"
#include "smtpd/session/incoming.h"
#include "smtpd/session/params.h"
#include "smtpd/session/rcpt_policy.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/sender.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What follows "FROM:" or "TO:", or NULL. */
static const char *
after(const char *argument, const char *word)
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
bad_params(struct session *s, enum params why)
{
	switch (why) {
	case PARAMS_UNKNOWN:
		return reply_send(s, REPLY_PARAM_UNKNOWN);
	case PARAMS_HOLD:
		return reply_send(s, REPLY_HOLD_LIMIT);
	case PARAMS_BY:
		return reply_send(s, REPLY_BY_LIMIT);
	case PARAMS_OK:
	case PARAMS_SYNTAX:
		break;
	}
	return reply_send(s, REPLY_PARAM_MALFORMED);
}

/* ---- MAIL ---- */

static enum smtp_reply
bad_sender(enum path why)
{
	return why == PATH_LONG    ? REPLY_SENDER_LONG
	       : why == PATH_8BIT  ? REPLY_ADDRESS_8BIT
	       : why == PATH_LATER ? REPLY_VRFY_LATER
	                           : REPLY_SENDER_SYNTAX;
}

/* Refuses MAIL, and logs it; args: see reply_send_with(). */
static enum next
refuse_mail(struct session *s, enum smtp_reply reply, const char *const *args)
{
	event_reject(s, "NOQUEUE", "MAIL", reply, args, NULL);
	return reply_send_with(s, reply, args);
}

static enum next
too_big(struct session *s)
{
	char limit[24];

	snprintf(limit, sizeof(limit), "%llu",
	    (unsigned long long)s->connection->config->size_limit);
	return refuse_mail(s, REPLY_SIZE_LIMIT, REPLY_ARGS(limit));
}

/* Refuses a sender that is not the user's. */
static enum next
not_yours(struct session *s, const struct address *sender)
{
	address_text(sender, s->mail.sender, sizeof(s->mail.sender));
	enum next next =
	    refuse_mail(s, REPLY_NOT_YOURS, REPLY_ARGS(session_account(s)));
	session_reset(s);
	return next;
}

/* The sender as the message gets it: "masquerade" may name another. */
static void
put_sender(const struct session *s, const struct address *sender,
    char text[ADDRESS_TEXT])
{
	char given[ADDRESS_TEXT];

	address_text(sender, given, sizeof(given));
	if (s->user[0] == '\0' || !rewrite_masquerade(s->connection->config,
				      REWRITE_LOGIN, given, text)) {
		strlcpy(text, given, ADDRESS_TEXT);
	}
}

enum next
command_mail(struct session *s, char *argument)
{
	const struct config *config = s->connection->config;
	const char *text = after(argument, "FROM"), *rest;
	const struct params_rules rules = { .now = time(NULL),
		.tls = s->tls[0] != '\0',
		.hold = session_is_submission(s) };
	struct address sender;
	struct mail mail;
	bool binary;

	if (session_must_log_in(s)) {
		return reply_send(
		    s, secure_for_passwords(s->connection, s->stream)
			   ? REPLY_LOGIN_FIRST
			   : REPLY_LOGIN_FIRST_BY_TLS);
	}
	if (text == NULL) {
		return reply_send(s, REPLY_MAIL_SYNTAX);
	}
	enum path path = address_path_utf8(text, &sender, &rest);
	if (path != PATH_OK) {
		return reply_send(s, bad_sender(path));
	}
	mail_init(&mail);
	enum params parsed = params_mail(rest, &rules, &mail, &binary);
	if (parsed != PARAMS_OK) {
		return bad_params(s, parsed);
	}
	if (!mail.utf8 && !address_is_ascii(text, rest)) {
		return reply_send(s, REPLY_ADDRESS_8BIT);
	}
	if (config->size_limit != 0 && mail.size > config->size_limit) {
		return too_big(s);
	}
	if (!sender_allowed(s, &sender)) {
		return not_yours(s, &sender);
	}
	if (!incoming_room(s, mail.size)) {
		return refuse_mail(s, REPLY_NO_ROOM, NULL);
	}
	session_reset(s);
	put_sender(s, &sender, mail.sender);
	/* Strangers' mail has no higher priority than that of our users. */
	bool lowered = mail.priority > 0 && !session_is_user(s);
	mail.priority = lowered ? 0 : mail.priority;
	s->mail = mail;
	s->binary = binary;
	s->state = STATE_MAIL;
	return reply_send(s, lowered ? REPLY_SENDER_PRIORITY : REPLY_SENDER_OK);
}

/* ---- RCPT ---- */

static enum smtp_reply
bad_recipient(enum path why)
{
	return why == PATH_LONG    ? REPLY_RECIPIENT_LONG
	       : why == PATH_8BIT  ? REPLY_ADDRESS_8BIT
	       : why == PATH_LATER ? REPLY_RCPT_LATER
	                           : REPLY_RECIPIENT_SYNTAX;
}

/* Refuses RCPT, and logs it; args: see reply_send_with(). */
static enum next
refuse_rcpt(struct session *s, const struct address *a, enum smtp_reply reply,
    const char *const *args)
{
	unsigned errors = s->counts.errors;

	event_reject(s, "NOQUEUE", "RCPT", reply, args, a);
	s->refused++;
	enum next next = reply_send_with(s, reply, args);
	if (s->connection->role == ROLE_LOCAL) {
		/* However many have left, the others get their mail. */
		s->counts.errors = errors;
	}
	return next;
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

enum { HEAD_ROOM = 4096 }; /* what an envelope has besides its recipients */

/* Adds a recipient; one that is there already gets the message once. */
static enum next
add_rcpt(struct session *s, const struct address *a, const struct recipient *r,
    enum smtp_reply reply, const char *const *args)
{
	char text[ADDRESS_TEXT];
	struct recipient added = *r;

	added.text = address_text(a, text, sizeof(text));
	bool first_time = !has_rcpt(&s->mail, text);
	/* Its slot and its lines, with their keys; and those of the message. */
	size_t octets = 2 * MAIL_LINE + strlen(text) +
	                (r->orcpt == NULL ? 0 : strlen(r->orcpt)) +
	                (r->refused == NULL ? 0 : strlen(r->refused)) + 64;
	unsigned most = session_recipients(s);
	if (s->accepted >= most ||
	    s->envelope + octets > REQUEST_MAX - HEAD_ROOM) {
		/* A client that does not read this before it has named all is
		   no idler: 421 would take the message from the others. */
		s->counts.progress = s->excess++ < most;
		return reply_send(s, REPLY_RCPT_EXCESS);
	}
	s->envelope += first_time ? octets : 0;
	if (first_time && mail_add(&s->mail, &added) == -1) {
		return reply_send(s, REPLY_NO_MEMORY);
	}
	s->accepted++;
	if (s->accepted_by > s->excused_by) {
		s->excused_by = s->accepted_by;
	}
	s->state = STATE_RCPT;
	s->counts.progress = true;
	return reply_send_with(s, reply, args);
}

/* Answers for an alias that tells of another address (RFC 5321 3.4). */
static enum next
moved_rcpt(struct session *s, const struct address *a,
    const struct recipient *to, const struct alias *alias)
{
	const char *const args[] = { alias->targets, NULL };

	return alias->kind == ALIAS_MOVED
	           ? refuse_rcpt(s, a, REPLY_RCPT_MOVED, args)
	           : add_rcpt(s, a, to, REPLY_RCPT_FORWARD, args);
}

static enum next
refuse_listed(struct session *s, const struct address *a)
{
	const struct dnsbl_answer *found = &s->policy.answer;

	return refuse_rcpt(s, a, REPLY_LISTED,
	    REPLY_ARGS(session_peer(s),
		s->connection->config->dnsbl[found->list].zone,
		found->text[0] != '\0' ? "; " : "", found->text));
}

static enum next
refuse_grey(struct session *s, const struct address *a)
{
	char seconds[12];

	snprintf(
	    seconds, sizeof(seconds), "%u", s->connection->config->greylist);
	return refuse_rcpt(s, a, REPLY_GREYLISTED, REPLY_ARGS(seconds));
}

/* Refuses a recipient in the words of its next hop. */
static enum next
refuse_by_next_hop(struct session *s, const struct address *a)
{
	const struct next_hop_answer *said = &s->policy.said;
	enum smtp_reply reply = said->unknown != 0     ? REPLY_NEXT_HOP_UNKNOWN
	                        : said->line[0] == '4' ? REPLY_NEXT_HOP_LATER
	                                               : REPLY_NEXT_HOP;

	event_reject_line(s, "NOQUEUE", "RCPT", reply, said->line, a);
	s->refused++;
	return reply_send_line(s, reply, said->line);
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
		return refuse_rcpt(s, a, REPLY_RELAYING, NULL);
	}
	if (rcpt_policy_listed(s, a)) {
		return refuse_listed(s, a);
	}
	switch (rcpt_policy_check(s, a, &r)) {
	case RCPT_OK:
		return r.kind == RESOLVED_ALIAS && r.alias.kind != ALIAS_LIST
		           ? moved_rcpt(s, a, to, &r.alias)
		           : add_rcpt(s, a, to, REPLY_RCPT_OK, NULL);
	case RCPT_NO:
		return refuse_rcpt(s, a, REPLY_NO_USER, NULL);
	case RCPT_NO_REPORT:
		return refuse_rcpt(s, a, REPLY_REPORTS_ALONE, NULL);
	case RCPT_TOO_BIG:
		return refuse_rcpt(s, a, REPLY_MAILBOX_SIZE, NULL);
	case RCPT_FULL:
		return refuse_rcpt(s, a, REPLY_MAILBOX_FULL, NULL);
	case RCPT_GREY:
		return refuse_grey(s, a);
	case RCPT_NEXT_HOP:
		return refuse_by_next_hop(s, a);
	case RCPT_SILENT:
		return refuse_rcpt(s, a, REPLY_NEXT_HOP_SILENT, NULL);
	case RCPT_TEMPORARY:
		break;
	}
	return refuse_rcpt(s, a, REPLY_RCPT_LATER, NULL);
}

/* Takes an address that is not ours, from our users alone. */
static enum next
remote_rcpt(
    struct session *s, const struct address *a, const struct recipient *to)
{
	return session_is_user(s) ? add_rcpt(s, a, to, REPLY_RCPT_OK, NULL)
	                          : refuse_rcpt(s, a, REPLY_RELAYING, NULL);
}

/* True if the sender may mean us by that domain. */
static bool
means_us(const struct session *s, const char *domain)
{
	const struct config *config = s->connection->config;

	return session_is_user(s) || s->connection->peer.loopback
	           ? config_is_ours(config, domain)
	           : config_is_ours_to_all(config, domain);
}

/* Takes one that was refused, to be reported.  The queue knows why, unless a
   rule has refused it: then mail for it could be delivered. */
static enum next
report_rcpt(struct session *s, const struct address *a,
    const struct recipient *to, const struct access_found *found)
{
	char why[MAIL_REFUSAL + 1];
	struct recipient refused = *to;

	if (found->verdict == ACCESS_REFUSE) {
		snprintf(why, sizeof(why),
		    "refused by a rule of this server%s%s",
		    found->text[0] != '\0' ? ": " : "", found->text);
		refused.refused = why;
	}
	return add_rcpt(s, a, &refused, REPLY_RCPT_OK, NULL);
}

enum next
command_rcpt(struct session *s, char *argument)
{
	const char *text = after(argument, "TO"), *rest;
	char orcpt[MAIL_ORCPT + 1];
	struct recipient to = { .target = TARGET_ADDRESS };
	bool ours = s->connection->role == ROLE_LOCAL, report = false;
	struct address a;

	if (text == NULL) {
		return reply_send(s, REPLY_RCPT_SYNTAX);
	}
	enum path path = s->mail.utf8 ? address_path_utf8(text, &a, &rest)
	                              : address_path(text, &a, &rest);
	if (path != PATH_OK || address_is_null(&a)) {
		return reply_send(s, bad_recipient(path));
	}
	enum params parsed =
	    params_rcpt(rest, &to, orcpt, ours ? &report : NULL);
	if (parsed != PARAMS_OK) {
		return bad_params(s, parsed);
	}
	const struct access_found found = access_rcpt(s, &a);
	if (report) {
		return report_rcpt(s, &a, &to, &found);
	}
	if (found.verdict == ACCESS_REFUSE) {
		s->refused++;
		return access_refuse(s, &found, "NOQUEUE", "RCPT", &a);
	}
	if (a.domain[0] != '\0') {
		return means_us(s, a.domain) ? local_rcpt(s, &a, &to)
		                             : remote_rcpt(s, &a, &to);
	}
	if (strcasecmp(a.local, "postmaster") != 0 && !session_is_user(s)) {
		return refuse_rcpt(s, &a,
		    address_is_routed(a.local) ? REPLY_RELAYING
					       : REPLY_RCPT_DOMAIN,
		    NULL);
	}
	return local_rcpt(s, &a, &to);
}
