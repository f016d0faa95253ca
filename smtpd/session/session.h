/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_SESSION_H
#define RESTANTE_SMTPD_SESSION_SESSION_H

#include "common/io/stream.h"
#include "common/job/job.h"
#include "common/session/command.h"
#include "common/text/address.h"
#include "smtpd/session/rcpt_policy.h"
#include "smtpd/session/tally.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One SMTP session: what a client has said so far. */

enum {
	LINE_COMMAND = 2048, /* octets of a command */
	LINE_AUTH = 12288,   /* of one with SASL data, RFC 4954 section 4 */
};

/* States, as bits for the command table. */
enum state {
	STATE_START = 1, /* no HELO or EHLO yet */
	STATE_READY = 2,
	STATE_MAIL = 4,    /* MAIL was accepted */
	STATE_RCPT = 8,    /* and a recipient, too */
	STATE_CHUNKS = 16, /* and a BDAT that is not the LAST */
};

struct session {
	const struct connection *connection;
	struct stream *stream;
	enum state state;
	bool esmtp;
	char helo[ADDRESS_DOMAIN + 1];
	char tls[64];             /* version and cipher, or "" */
	char user[USER_NAME + 1]; /* who has logged in, or "" */
	const char *method;       /* by which mechanism */
	unsigned errors, logins_failed;
	unsigned idle; /* commands that brought no mail nearer */
	struct tally tally;
	char verb[40]; /* for the log: the command under way, or the last */
	char said;     /* the first digit of the last reply */
	struct rcpt_policy policy; /* what was found out about the client */
	struct incoming *incoming; /* the message under way */
	/* The transaction under way: */
	struct mail mail;           /* its size: as announced, or 0 */
	bool binary;                /* BODY=BINARYMIME */
	unsigned accepted, refused; /* RCPTs, doubles and all */
};

/* Runs a session from greeting to good-bye; the service's session function. */
bool session_run(const struct connection *);

/*
 * Replies with one line; counts 4xx and 5xx as errors.  Always NEXT_COMMAND,
 * so that a command can end by returning it.
 */
enum next session_reply(struct session *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Forgets the transaction under way (RFC 5321 section 4.1.1.5). */
void session_reset(struct session *);

/*
 * Whether a client that must log in has sent more before that than any login
 * takes.
 */
bool session_is_flood(const struct session *);

/* Whether the client is a user of ours, by login or by uid. */
bool session_is_user(const struct session *);

/* Whether this is submission: what is for users alone is offered. */
bool session_is_submission(const struct session *);

/* How much of what is not by the standards it takes. */
enum profile session_profile(const struct session *);

/*
 * The command that a line begins with, as it is logged; "UNKNOWN" where it is
 * none, because that may be a password out of place.
 */
const char *session_verb(const char *line);

/* What to say, and do, when a line did not come as it should. */
enum next session_bad_line(struct session *, enum line);

/* How the client's address is written in logs and trace headers. */
const char *session_peer(const struct session *);

/* The commands and the state machine are in commands.c. */
extern const struct command smtp_commands[];
enum next command_refused(
    struct session *, const struct command *, enum refusal);

/* MAIL and RCPT: transaction.c. */
enum next command_mail(struct session *, char *);
enum next command_rcpt(struct session *, char *);

/* AUTH: auth.c.  DATA and BDAT: data.c. */
enum next command_auth(struct session *, char *);
enum next command_data(struct session *, char *);
enum next command_bdat(struct session *, char *);

#endif
