/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_TRANSACTION_PRIVATE_H
#define RESTANTE_SMTPD_RELAY_TRANSACTION_PRIVATE_H

#include "common/auth/dkim_make.h"
#include "smtpd/relay/body.h"
#include "smtpd/relay/client_private.h"
#include "smtpd/relay/convert/convert.h"
#include "smtpd/relay/convert/survey.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One message over a session: MAIL, RCPT, then DATA or BDAT. */

/* One recipient, and how far it has come. */
struct rcpt {
	uint32_t number; /* in the file */
	const struct recipient *recipient;
	enum rcpt_state {
		RCPT_TODO,
		RCPT_SENT,      /* the command was */
		RCPT_ACCEPTED,  /* by the server */
		RCPT_POSTPONED, /* to the next transaction */
		RCPT_SETTLED,   /* the outcome is known */
		RCPT_REPORTED,  /* to the runner */
	} state;
	struct outcome outcome;
	bool answered; /* by an address before this one: so says the outcome */
};

/* RFC 5321 section 2.3.1: an envelope and its content. */
struct mail_object {
	const struct mail *mail;
	struct body body;
	struct rcpt *rcpts;
	size_t count;
	int channel; /* where outcomes of delivered mail go at once */
	uint32_t serial;
	bool sealed; /* it is to get a set of ARC */
	/* The rule for the one sender that the hop takes, or NULL. */
	const struct config_rule *own;
	struct output front; /* of the body, by that rule */
	bool fronted;        /* front is made, if it has to be */
	bool author;         /* From says another than its author */
	/* Set by content_prepare(). */
	bool surveyed, prepared;
	struct survey survey;
	struct convert_terms terms;
	struct convert *convert;  /* NULL: it goes as it is */
	struct output signatures; /* fields in front of it, for DATA or BDAT */
	struct mail said; /* the envelope as this server is told of it */
	bool dead;        /* the hop is, which is for the runner, too */
	bool done;        /* the runner knows all that there is */
};

enum transacted {
	TRANSACTED,         /* all outcomes are known */
	TRANSACTION_STALE,  /* the connection had ended before: open again */
	TRANSACTION_POLICY, /* refused for our address; outcomes are known */
	TRANSACTION_LOST,   /* the connection broke: the verdict is for the rest
	                     */
	TRANSACTION_DEAD,   /* and so it is here, and for the whole hop */
};

enum transacted transaction_run(struct client *, struct mail_object *);

/* ---- mail_object.c ---- */

/* Tells the runner the outcomes that it has not been told. */
void object_report(struct mail_object *);
/* Tells it only the successes: other outcomes may still change. */
void object_report_sent(struct mail_object *);

/* Gives the outcome to all recipients that have none. */
void object_settle(struct mail_object *, const struct outcome *);

/* Gives one recipient the outcome that the last reply is. */
void rcpt_settle(struct client *, struct rcpt *, enum outcome_kind, enum phase);
/* Gives it to all that have none. */
void object_refuse(
    struct client *, struct mail_object *, enum outcome_kind, enum phase);

/* The number of recipients in a state, and a new state for all of them. */
size_t object_count(const struct mail_object *, enum rcpt_state);
void object_change(
    struct mail_object *, enum rcpt_state from, enum rcpt_state to);

/* The number of recipients for whom this server surely has no message, and
   another one may take it. */
size_t object_pending(const struct mail_object *);
/*
 * Prepares another try, elsewhere, for all of these; returns how many.  why:
 * for those without an answer of their own, if they get no better one; may be
 * NULL.
 */
size_t object_go_on(struct mail_object *, const struct outcome *why);
/* Settles all recipients when there is no further host to try: by their last
   replies, or else as deferred, with why. */
void object_conclude(struct mail_object *, const struct outcome *why);

/* How a transaction goes on after a step. */
enum step {
	STEP_CONTINUE,
	STEP_DONE,   /* nothing more to do, and the session is fine */
	STEP_LOST,   /* the session is lost; the verdict says why */
	STEP_DEAD,   /* and another one would be, too */
	STEP_STALE,  /* the connection had ended before we began */
	STEP_POLICY, /* done: our address was refused */
};

enum judgement step_judge(const struct client *, enum phase);
/* Ends a step without a reply; the verdict says why. */
enum step step_no_response(const struct client *);
/* The reply ends the session, or makes no sense: sets the verdict from it. */
enum step step_broken(struct client *, enum judgement, enum phase);
/* The outcome of mail that is refused. */
enum outcome_kind refusal_outcome(enum judgement);

/* ---- front.c ---- */

/* Finds the rule of relay-from, and settles those that it would loop for. */
void front_find(const struct client *, struct mail_object *);
/* Makes what the hop gets in front.  false: the verdict says why not. */
bool front_make(struct client *, struct mail_object *)
    __attribute__((warn_unused_result));

/* ---- sign.c ---- */

enum { SIGN_ROOM = 8192 }; /* octets that signatures take at most */

/* True if this message is to be signed, or sealed, on its way to this hop. */
bool sign_wanted(const struct client *, const struct mail_object *);

/*
 * Makes the signatures of what was fed, or its set of ARC.  false: the message
 * has to wait, and the verdict says why.
 */
bool sign_message(struct client *, struct mail_object *, struct dkim_make *)
    __attribute__((warn_unused_result));

/* ---- content.c ---- */

/*
 * Finds out if the server takes the message as it is; else plans what it gets
 * instead.  false: the verdict says why there is no way.
 */
bool content_prepare(struct client *, struct mail_object *)
    __attribute__((warn_unused_result));
/* Frees what that made. */
void content_forget(struct mail_object *);

/*
 * Sends the message to the recipients that were accepted, and notes the
 * replies.  data_sent: DATA has gone out with the envelope.
 */
enum step content_send(struct client *, struct mail_object *, bool data_sent);

#endif
