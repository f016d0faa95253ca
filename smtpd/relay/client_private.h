/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_CLIENT_PRIVATE_H
#define RESTANTE_SMTPD_RELAY_CLIENT_PRIVATE_H

#include "common/io/stream.h"
#include "common/tls/tls_client.h"
#include "smtpd/agent/agent.h"
#include "smtpd/relay/connect.h"
#include "smtpd/relay/judge.h"
#include "smtpd/relay/policy.h"
#include "smtpd/relay/secret.h"
#include "smtpd/relay/sts.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The client's side of SMTP and LMTP: one next hop, one connection. */

/* The extensions that a server offers in its EHLO reply. */
enum extension {
	EXT_PIPELINING = 1,
	EXT_SIZE = 2,
	EXT_8BITMIME = 4,
	EXT_SMTPUTF8 = 8,
	EXT_DSN = 16,
	EXT_CHUNKING = 32,
	EXT_STARTTLS = 64,
	EXT_AUTH = 128,
	EXT_REQUIRETLS = 256,
	EXT_MT_PRIORITY = 512,
	EXT_DELIVERBY = 1024,
	EXT_OF_MAIL = 2048, /* and above: known to envelope.c alone */
};

struct offer {
	unsigned extensions;
	uint64_t size_limit; /* 0: none */
	uint64_t soonest;    /* seconds, of DELIVERBY; 0: any */
	/* LIMITS, RFC 9422; 0: none: messages of a connection, recipients of a
	   message and the domains of these. */
	uint64_t most_mails, most_rcpts, most_domains;
	char mechanisms[512]; /* the arguments of AUTH */
};

/* Milliseconds; RFC 5321 section 4.5.3.2. */
struct timeouts {
	int command; /* greeting, EHLO, AUTH, MAIL, RCPT */
	int data;
	int block; /* each part of the message */
	int dot;
	int handshake;
	int quit; /* nothing depends on its answer */
};

struct client {
	const struct config *config;
	const struct hop *hop;
	struct timeouts timeouts;
	struct dns *dns;
	struct tls_client *tls; /* NULL: never */
	int channel;            /* to the runner, for what signs mail */
	bool signs;             /* there are DKIM keys, or nobody knows */
	struct secret secret;
	struct exchangers literals; /* the hop's addresses in /etc/hosts */
	struct connected unix_peer; /* connected while we had the rights */
	/* The connection; stream is NULL when there is none. */
	struct stream *stream;
	struct connected peer;
	enum family family; /* to be used from now on */
	bool family_tried;
	bool said_open; /* the runner knows that there was a session */
	bool reused; /* has carried a transaction, or was kept for this one */
	/* The end of the message was sent and not refused: the server may have
	   the message, though it does not say so. */
	bool complete;
	bool dirty;      /* a transaction is open: needs RSET */
	uint64_t mails;  /* begun on this connection */
	unsigned losses; /* messages in a row that a connection was lost with */
	/* The way of one message through the addresses of its hop. */
	struct exchangers hosts;
	size_t at; /* the one of them whose turn it is */
	bool found, barred;
	struct policy policy; /* of the host whose turn it is */
	struct dane dane;
	struct sts sts; /* of the hop's domain */
	struct tried_addresses tried;
	struct offer offer;
	struct response response; /* the last one */
	/* Why the last try failed: kind, dsn, host, text. */
	struct outcome verdict;
};

/* ---- client.c ---- */

/* Writes a command; it goes out when a reply is waited for. */
void client_send_command(struct client *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Waits for a reply.  false: there was none, or it made no sense; the verdict
 * says so, and the connection is no longer usable.
 */
bool client_read_response(struct client *, enum phase)
    __attribute__((warn_unused_result));

/*
 * True if the server has sent something unasked, or has closed the connection.
 */
bool client_has_input(struct client *);

/* Sets the verdict. */
void client_set_verdict(struct client *, enum outcome_kind, const char *dsn,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* From the last reply. */
void client_set_verdict_response(
    struct client *, enum outcome_kind, enum phase, const char *dsn);

/* Fills in an outcome from the last reply, as client_set_verdict_response(). */
void client_response_outcome(
    const struct client *, struct outcome *, enum outcome_kind, enum phase);

/* Ends the connection, if there is one: with QUIT, or at once. */
void client_quit(struct client *);
void client_drop(struct client *);

/* ---- prepare.c ---- */

/* Gets all that needs rights or files; false: the verdict says why not. */
bool client_prepare(struct client *) __attribute__((warn_unused_result));

/* ---- session_start.c ---- */

enum session_result {
	SESSION_OK,
	SESSION_NEXT_HOST, /* the verdict says why */
	SESSION_CLEAR,     /* TLS failed: connect again, without it */
	SESSION_POLICY,    /* it refuses our address */
	SESSION_BARRED,    /* it refuses our password, as its others would */
};

/* Turns a connected socket into a session that takes MAIL. */
enum session_result session_start(struct client *, bool clear);

/* ---- login.c ---- */

/* AUTH, with one mechanism after the other.  false: the verdict says why. */
bool session_login(struct client *);

/* ---- open.c ---- */

/* Begins the way of another message: no address has had its try. */
void client_begin(struct client *);

/*
 * Opens a session, unless there is one, with the first address that allows it
 * of those that have not had their try (RFC 5321 section 5.1).  false: the
 * verdict is for all of the order: OUTCOME_FAILED (there is no such domain) or
 * OUTCOME_DEAD.
 */
bool client_open(struct client *);

/* The address of the session has had its try.  true: there may be others. */
bool client_pass(struct client *);

/* Once for each client: connects from our other address to the same host. */
bool client_try_other_family(struct client *);

/* ---- envelope.c: pure ---- */

/* The bit of an extension that adds parameters alone, or 0. */
unsigned envelope_extension(const char *word, size_t len);

enum { ENVELOPE_LINE = 2048 };

/*
 * An address as it goes on the wire, in its brackets, from its parsed form.
 * false: not an address that is safe to send.
 */
bool envelope_path(const char *text, bool utf8, char *path, size_t size);

/* True if an address can be sent without SMTPUTF8. */
bool envelope_is_ascii(const char *text);

/* The MAIL and RCPT commands without CR LF; false: not a safe address. */
bool envelope_mail(const struct mail *, const struct offer *, time_t now,
    char line[ENVELOPE_LINE]);
bool envelope_rcpt(const struct mail *, const struct recipient *,
    const struct offer *, char line[ENVELOPE_LINE]);

#endif
