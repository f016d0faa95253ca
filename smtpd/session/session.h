/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_SESSION_H
#define RESTANTE_SMTPD_SESSION_SESSION_H

#include "common/io/stream.h"
#include "common/job/job.h"
#include "common/session/dialogue.h"
#include "common/text/address.h"
#include "smtpd/session/command_counts.h"
#include "smtpd/session/rcpt_policy.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One SMTP session: what a client has said so far. */

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
	unsigned logins_failed;
	struct dialogue_counts counts;
	struct command_counts commands;
	char verb[40]; /* for the log: the command under way, or the last */
	bool obeyed;   /* the last reply was 2xx */
	bool noted;    /* the log has a line about it: no health check */
	bool over;     /* all that the client had begun is done */
	struct rcpt_policy policy; /* what was found out about the client */
	struct incoming *incoming; /* the message under way */
	/* The transaction under way: */
	struct mail mail;           /* its size: as announced, or 0 */
	bool binary;                /* BODY=BINARYMIME */
	unsigned accepted, refused; /* RCPTs, doubles and all */
	unsigned excess;            /* those that were too many */
	size_t envelope; /* octets that their envelope takes, at most */
	/* Of access: the number of the rule that accepts the recipient at hand,
	   and the last of those that do for one; ACCESS_LAST: none does. */
	uint32_t accepted_by, excused_by;
};

/* Forgets the transaction under way (RFC 5321 section 4.1.1.5). */
void session_reset(struct session *);

/*
 * True if the client is a user of ours, by login or by uid, or is trusted as
 * such for its address.
 */
bool session_is_user(const struct session *);

/* True if it may log in: it has not, and is no user of this machine. */
bool session_may_log_in(const struct session *);

/* The account for which mail counts, but a local user's; "": there is none. */
const char *session_account(const struct session *);

/* The most recipients that a message may have. */
unsigned session_recipients(const struct session *);

/* True for users, and for programs that reach this machine's own addresses from
   inside. */
bool session_is_ours(const struct session *);

/* True for submission: extensions that are for users alone are offered. */
bool session_is_submission(const struct session *);

/* True until a client logs in that has to: then little else is allowed. */
bool session_must_log_in(const struct session *);

/* How strictly the session takes the standards. */
enum profile session_profile(const struct session *);

/* The client's address as it is written in logs and trace headers. */
const char *session_peer(const struct session *);

/* Our own name, which many replies begin with. */
const char *session_hostname(const struct session *);

#endif
