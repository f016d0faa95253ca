/* SPDX-License-Identifier: ISC */
/* The lines of the log about sessions; fail2ban and its like read them. */
#include "smtpd/session/events.h"

#include "common/log/log.h"
#include "common/log/stats.h"

#include <stdio.h>
#include <string.h>

const char *
event_client(const struct session *s, char text[EVENT_CLIENT])
{
	const struct connection *c = s->connection;

	/* Names of clients are not looked up: nobody could rely on them. */
	snprintf(text, EVENT_CLIENT, "%s[%s]",
	    c->role == ROLE_LOCAL ? "localhost" : "unknown", c->peer.address);
	return text;
}

void
event_connect(struct session *s)
{
	char client[EVENT_CLIENT];

	s->noted = true;
	if (s->connection->role != ROLE_LOCAL) {
		stats_add(STATS_CONNECTIONS, 1);
		log_info("connect from %s", event_client(s, client));
	}
}

void
event_disconnect(const struct session *s)
{
	char client[EVENT_CLIENT], counts[COMMAND_COUNTS_TEXT];

	if (s->noted && s->connection->role != ROLE_LOCAL) {
		log_info("disconnect from %s%s", event_client(s, client),
		    command_counts_text(&s->commands, counts));
	}
}

void
event_tls(const struct session *s)
{
	char client[EVENT_CLIENT];
	size_t version = strcspn(s->tls, ",");
	const char *cipher = s->tls + version + strspn(s->tls + version, ", ");

	if (!s->noted) {
		return;
	}
	stats_add(STATS_TLS, 1);
	/* "TLS1.3, AES-256-GCM" */
	log_info("Anonymous TLS connection established from %s: TLSv%.*s with "
		 "cipher %s",
	    event_client(s, client), version > 3 ? (int)version - 3 : 0,
	    s->tls + 3, cipher);
}

void
event_tls_failed(const struct session *s, const char *why)
{
	char client[EVENT_CLIENT];

	if (s->noted && *why != '\0') {
		log_info("SSL_accept error from %s: %s",
		    event_client(s, client), why);
	}
}

void
event_end(const struct session *s, const char *how)
{
	char client[EVENT_CLIENT];

	if (s->noted && s->connection->role != ROLE_LOCAL) {
		log_info("%s after %s from %s", how, s->verb,
		    event_client(s, client));
	}
}

void
event_login(const struct session *s)
{
	char client[EVENT_CLIENT], user[USER_NAME + 1];

	stats_login(s->method, true);
	log_info("user: %s logged in, sasl_method=%s, host=%s",
	    log_value(s->user, user, sizeof(user)), s->method,
	    event_client(s, client));
}

void
event_login_failed(const struct session *s, const char *method, const char *why,
    const char *name)
{
	char client[EVENT_CLIENT], user[USER_NAME + 1];

	stats_login(method, false);
	log_warn("%s: SASL %s authentication failed: %s, "
		 "sasl_username=%s",
	    event_client(s, client), method, why,
	    log_value(name, user, sizeof(user)));
}

/* ---- refusals ---- */

/* The words that Postfix writes before a reason at that stage. */
static const char *
rejected(const char *stage)
{
	return strcmp(stage, "RCPT") == 0   ? "Recipient address rejected"
	       : strcmp(stage, "MAIL") == 0 ? "Sender address rejected"
	                                    : "Data command rejected";
}

const char *
event_words(enum smtp_reply reply, const char *const *args, const char *stage,
    const char *subject, char text[EVENT_TEXT])
{
	char codes[REPLY_CODES], words[REPLY_TEXT];

	reply_codes(reply, codes);
	reply_text(reply, args, true, words);
	switch (reply_row(reply)->shape) {
	case SHAPE_WHOLE:
		snprintf(text, EVENT_TEXT, "%s%s", codes, words);
		break;
	case SHAPE_ABOUT:
		snprintf(text, EVENT_TEXT, "%s<%s>: %s", codes, subject, words);
		break;
	case SHAPE_REASON:
		snprintf(text, EVENT_TEXT, "%s<%s>: %s: %s", codes, subject,
		    rejected(stage), words);
		break;
	}
	return text;
}

/* What a refusal is about: the recipient, or else as the stage has it. */
static const char *
subject_of(const struct session *s, const char *stage, const struct address *to,
    char subject[ADDRESS_TEXT])
{
	char raw[ADDRESS_TEXT];

	if (to != NULL) {
		return log_path(
		    address_text(to, raw, sizeof(raw)), subject, ADDRESS_TEXT);
	}
	return strcmp(stage, "MAIL") == 0
	           ? log_path(s->mail.sender, subject, ADDRESS_TEXT)
	           : stage;
}

static void
log_reject(const struct session *s, const char *where, const char *stage,
    enum smtp_reply reply, const char *text, const struct address *to)
{
	char client[EVENT_CLIENT], helo[ADDRESS_DOMAIN + 1];
	char from[ADDRESS_TEXT], about[ADDRESS_TEXT];

	enum stats stats = reply_row(reply)->stats;
	stats_add(stats != STATS_NONE ? stats : STATS_REJECTED_OTHER, 1);
	log_info("%s: reject: %s from %s: %s; from=<%s>%s%s%s proto=%s "
		 "helo=<%s>",
	    where, stage, event_client(s, client), text,
	    log_path(s->mail.sender, from, sizeof(from)),
	    to == NULL ? "" : " to=<",
	    to == NULL ? "" : subject_of(s, stage, to, about),
	    to == NULL ? "" : ">", s->esmtp ? "ESMTP" : "SMTP",
	    log_path(s->helo, helo, sizeof(helo)));
}

void
event_reject(const struct session *s, const char *where, const char *stage,
    enum smtp_reply reply, const char *const *args, const struct address *to)
{
	char text[EVENT_TEXT], subject[ADDRESS_TEXT];

	log_reject(s, where, stage, reply,
	    event_words(
		reply, args, stage, subject_of(s, stage, to, subject), text),
	    to);
}

void
event_reject_line(const struct session *s, const char *where, const char *stage,
    enum smtp_reply reply, const char *line, const struct address *to)
{
	char text[EVENT_TEXT], subject[ADDRESS_TEXT];
	size_t codes = strcspn(line, " ");

	codes += line[codes] == ' ' ? 1 + strcspn(line + codes + 1, " ") : 0;
	snprintf(text, sizeof(text), "%.*s <%s>: %s: undeliverable address:%s",
	    (int)codes, line, subject_of(s, stage, to, subject),
	    rejected(stage), line + codes);
	log_reject(s, where, stage, reply, text, to);
}

/* In the words of Postfix. */
void
event_filter(const struct session *s, const char *what, const char *text)
{
	char client[EVENT_CLIENT], helo[ADDRESS_DOMAIN + 1];
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT];
	const struct mail *m = &s->mail;

	log_path(m->count > 0 ? m->recipients[0].text : "", to, sizeof(to));
	log_info("%s: milter-%s: END-OF-MESSAGE from %s: %s; from=<%s> "
		 "to=<%s> proto=%s helo=<%s>",
	    m->id, what, event_client(s, client), text,
	    log_path(m->sender, from, sizeof(from)), to,
	    s->esmtp ? "ESMTP" : "SMTP", log_path(s->helo, helo, sizeof(helo)));
}

void
event_refused(const char *address, const char *reply, const char *why)
{
	stats_add(STATS_REJECTED_RATE, 1);
	/* It begins with "421 4.7.0 ", as main.c has it. */
	log_info("NOQUEUE: reject: CONNECT from unknown[%s]: %.10sClient host "
		 "rejected: %s; proto=SMTP",
	    address, reply, why);
}

/* ---- messages ---- */

void
event_message(const struct session *s, const char *id, const char *message_id)
{
	char client[EVENT_CLIENT], user[USER_NAME + 1], text[EVENT_TEXT];
	char from[ADDRESS_TEXT];
	const struct peer *peer = &s->connection->peer;
	bool login = s->user[0] != '\0';

	if (s->connection->role == ROLE_LOCAL) {
		log_info_as("pickup", "%s: uid=%u from=<%s>", id,
		    (unsigned)peer->uid,
		    log_path(s->mail.sender, from, sizeof(from)));
	} else {
		log_info("%s: client=%s%s%s%s%s", id, event_client(s, client),
		    login ? ", sasl_method=" : "", login ? s->method : "",
		    login ? ", sasl_username=" : "",
		    log_value(s->user, user, sizeof(user)));
	}
	log_info_as("cleanup", "%s: message-id=<%s>", id,
	    log_path(message_id, text, sizeof(text)));
}
