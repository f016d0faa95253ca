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
event_connect(const struct session *s)
{
	char client[EVENT_CLIENT];

	if (s->connection->role != ROLE_LOCAL) {
		stats_add(STATS_CONNECTIONS, 1);
		log_info("connect from %s", event_client(s, client));
	}
}

void
event_disconnect(const struct session *s)
{
	char client[EVENT_CLIENT], counts[TALLY_TEXT];

	if (s->connection->role != ROLE_LOCAL) {
		log_info("disconnect from %s%s", event_client(s, client),
		    tally_text(&s->tally, counts));
	}
}

void
event_tls(const struct session *s)
{
	char client[EVENT_CLIENT];
	size_t version = strcspn(s->tls, ",");
	const char *cipher = s->tls + version + strspn(s->tls + version, ", ");

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

	if (*why != '\0') {
		log_info("SSL_accept error from %s: %s",
		    event_client(s, client), why);
	}
}

void
event_end(const struct session *s, const char *how)
{
	char client[EVENT_CLIENT];

	if (s->connection->role != ROLE_LOCAL) {
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

static const char recipient[] = "Recipient address rejected";

/* The words that are looked for. */
static const struct {
	const char *said, *words;
	enum { WHOLE, ABOUT, REASON } kind; /* of sentence */
} words[] = {
	{ "Relaying denied", "Relay access denied", ABOUT },
	{ "No such user here", "User unknown in local recipient table",
	    REASON },
	{ "The address needs a domain", "need fully-qualified address",
	    REASON },
	{ "Message too big", "Message size exceeds fixed limit", WHOLE },
	{ "No room on the disk now", "Insufficient system storage", WHOLE },
	/* Of lists in the DNS: it is about the client. */
	{ "Service unavailable", NULL, WHOLE },
	{ recipient, NULL, ABOUT },
};

/* What Postfix puts in front of reasons at that stage. */
static const char *
rejected(const char *stage)
{
	return strcmp(stage, "RCPT") == 0   ? recipient
	       : strcmp(stage, "MAIL") == 0 ? "Sender address rejected"
	                                    : "Data command rejected";
}

/* Octets of "550 5.1.1 ". */
static size_t
codes(const char *reply)
{
	size_t n = strspn(reply, "0123456789");

	if (n != 3 || reply[n] != ' ') {
		return 0;
	}
	size_t more = strspn(reply + n + 1, "0123456789.");
	return more >= 5 && reply[n + 1 + more] == ' ' ? n + more + 2 : n + 1;
}

const char *
event_words(const char *reply, const char *stage, const char *subject,
    char text[EVENT_TEXT])
{
	size_t n = codes(reply), i = 0,
	       count = sizeof(words) / sizeof(words[0]);
	const char *said = reply + n;

	while (i < count &&
	       strncmp(said, words[i].said, strlen(words[i].said)) != 0) {
		i++;
	}
	if (i < count && words[i].words != NULL) {
		said = words[i].words;
	}
	if (i < count && words[i].kind == WHOLE) {
		snprintf(text, EVENT_TEXT, "%.*s%s", (int)n, reply, said);
	} else {
		bool reason = i == count || words[i].kind == REASON;
		snprintf(text, EVENT_TEXT, "%.*s<%s>: %s%s%s", (int)n, reply,
		    subject, reason ? rejected(stage) : "", reason ? ": " : "",
		    said);
	}
	return text;
}

/* What a refusal counts as. */
static enum stats
reason(const char *reply)
{
	const char *said = reply + codes(reply);

	if (strncmp(said, "Relaying denied", 15) == 0) {
		return STATS_REJECTED_RELAY;
	}
	if (strncmp(said, "No such user", 12) == 0) {
		return STATS_REJECTED_USER;
	}
	if (strncmp(said, "Message too big", 15) == 0) {
		return STATS_REJECTED_SIZE;
	}
	if (strncmp(said, "Service unavailable", 19) == 0 ||
	    strncmp(said, "Recipient address rejected", 26) == 0) {
		return STATS_REJECTED_POLICY;
	}
	return STATS_REJECTED_OTHER;
}

void
event_reject(const struct session *s, const char *where, const char *stage,
    const char *reply, const struct address *to)
{
	char client[EVENT_CLIENT], text[EVENT_TEXT], helo[ADDRESS_DOMAIN + 1];
	char from[ADDRESS_TEXT];
	char rcpt[ADDRESS_TEXT] = "", about[ADDRESS_TEXT];

	stats_add(reason(reply), 1);
	log_path(s->mail.sender, from, sizeof(from));
	if (to != NULL) {
		address_text(to, rcpt, sizeof(rcpt));
	}
	log_path(rcpt, about, sizeof(about));
	const char *subject = to != NULL                   ? about
	                      : strcmp(stage, "MAIL") == 0 ? from
	                                                   : stage;
	log_info("%s: reject: %s from %s: %s; from=<%s>%s%s%s proto=%s "
		 "helo=<%s>",
	    where, stage, event_client(s, client),
	    event_words(reply, stage, subject, text), from,
	    to == NULL ? "" : " to=<", about, to == NULL ? "" : ">",
	    s->esmtp ? "ESMTP" : "SMTP", log_path(s->helo, helo, sizeof(helo)));
}

void
event_refused(const char *address, const char *reply, const char *why)
{
	stats_add(STATS_REJECTED_POLICY, 1);
	log_info("NOQUEUE: reject: CONNECT from unknown[%s]: %.*sClient host "
		 "rejected: %s; proto=SMTP",
	    address, (int)codes(reply), reply, why);
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
