/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_SESSION_SESSION_H
#define RESTANTE_POP3D_SESSION_SESSION_H

#include "common/io/stream.h"
#include "common/job/job.h"
#include "common/job/login.h"
#include "common/session/dialogue.h"
#include "pop3d/session/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * POP3 in two processes: AUTHORIZATION in the session process, which has no
 * files; TRANSACTION and UPDATE in a mailbox process, which is the user.
 */

enum {
	LINE_COMMAND = 1024,      /* octets, but of AUTH */
	LINE_AUTH = 12288,        /* RFC 5034 section 4 */
	TIMEOUT = 10 * 60 * 1000, /* RFC 1939 section 3 */
	LOGIN_TIMEOUT = 3 * 60 * 1000,
	LIFETIME = 24 * 60 * 60 * 1000,
};

/* How a session came to its end; what the log says of that. */
enum ending { ENDING_LOST, ENDING_TIMEOUT, ENDING_QUIT };

/* Where passwords are changed: before PASS, before NEWPASS, and after that. */
enum state { STATE_AUTHORIZATION = 1, STATE_TRANSACTION = 2, STATE_UPDATE = 4 };

struct transaction; /* pop3d/mailbox/transaction.h */

struct session {
	struct stream *stream;
	enum state state;
	struct dialogue_counts counts;
	const struct config *config;
	enum ending ending;
	const struct peer *peer;
	bool utf8; /* asked for: no STLS from here on, and mail as stored */

	/* AUTHORIZATION */
	const struct connection *connection;
	bool tls;
	bool noted;       /* the log has a line about it: no health check */
	bool handed_over; /* the client, to another process */
	unsigned failures;
	struct login login;

	/* TRANSACTION */
	const char *user; /* NULL before */
	struct transaction *transaction;
	unsigned long long retrieved, topped; /* octets, by RETR and by TOP */
};

/* Counts it and writes its first line in the log; once. */
void session_note(struct session *);

/* The service's session function: authorization.c. */
enum session_end session_run(const struct connection *);

/* The log's line on a client that is not served, as struct service has it. */
void session_refused(const char *address, const char *reply, const char *why);

/*
 * Has s->login checked, and with it the mailbox process started; forgets the
 * secret.  started: when the attempt began, see deadline_now(); wrong: what to
 * log of one that fails, or NULL.
 */
enum next session_login(struct session *, int64_t started, const char *wrong);

/* AUTH: auth.c. */
enum next command_auth(struct session *, char *argument);

/* Answers a line that did not come as it should. */
enum next session_bad_line(struct session *, enum line);

/*
 * Reads commands and runs them by the table, until the session is over; check
 * looks at each line first.
 */
void session_converse(struct session *, const struct command *,
    enum line_check (*check)(struct session *, char *line));

/* The check of the session process: refuses web browsers. */
enum line_check session_check_web(struct session *, char *line);

/* Carries bytes between a TLS client and its mailbox process: pump.c. */
void pump_run(struct stream *client, int mailbox);

/* The dialogue of ROLE_PASSWD: passwd.c. */
void passwd_converse(struct session *);

/* The capabilities of both states; before the login, those for any user. */
void session_capabilities(struct session *);

/* Writes a line of CAPA, unless "ehlo-hide" keeps it from the client. */
void session_offer(struct session *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* LANG (RFC 6856 section 3), for the tables of both processes. */
enum next session_lang(struct session *, char *argument);

/*
 * The log's line on the end of a session with a mailbox, in the words of
 * Courier's POP3 server; started: see deadline_now().
 */
void session_log_ending(const struct session *, int64_t started);

#endif
