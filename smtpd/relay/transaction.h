/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_TRANSACTION_H
#define RESTANTE_SMTPD_RELAY_TRANSACTION_H

#include "smtpd/relay/body.h"
#include "smtpd/relay/client.h"
#include "smtpd/relay/convert/convert.h"
#include "smtpd/relay/convert/survey.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One message over a session: MAIL, RCPT, then DATA or BDAT. */

/* What becomes of one recipient. */
struct parcel {
	uint32_t number; /* in the file */
	const struct recipient *recipient;
	enum parcel_state {
		PARCEL_TODO,
		PARCEL_NAMED,   /* RCPT was sent */
		PARCEL_TAKEN,   /* and accepted */
		PARCEL_CROWDED, /* or to be in the next transaction */
		PARCEL_KNOWN,   /* the outcome is */
		PARCEL_TOLD,    /* to the runner */
	} state;
	struct outcome outcome;
};

/* A message to be sent. */
struct letter {
	const struct mail *mail;
	int fd;
	off_t body;
	struct parcel *parcels;
	size_t count;
	int channel; /* where outcomes of delivered mail go at once */
	uint32_t serial;
	/* By content_prepare(). */
	bool surveyed, prepared;
	struct survey survey;
	struct convert_terms terms;
	struct convert *convert; /* NULL: it goes as it is */
	struct mail said; /* with what this server is told of size and octets */
};

enum transacted {
	TRANSACTED,         /* all outcomes are known */
	TRANSACTION_STALE,  /* the connection had ended before: open again */
	TRANSACTION_POLICY, /* refused for our address; outcomes are known */
	TRANSACTION_LOST,   /* the connection broke: the verdict is for the rest
	                     */
	TRANSACTION_DEAD,   /* and so it is here, and for the whole hop */
};

enum transacted transaction_run(struct client *, struct letter *);

/* ---- letter.c ---- */

/* Tells the runner the outcomes that are known and not told. */
void letter_tell(struct letter *);

/* Gives the outcome to all parcels that have none. */
void letter_all(struct letter *, const struct outcome *);

/* Gives one the outcome that the last reply is. */
void letter_set(
    struct client *, struct parcel *, enum outcome_kind, enum phase);
/* Gives it to all that have none. */
void letter_refuse(
    struct client *, struct letter *, enum outcome_kind, enum phase);

size_t letter_count(const struct letter *, enum parcel_state);
void letter_change(
    struct letter *, enum parcel_state from, enum parcel_state to);

/* ---- prepare.c ---- */

/*
 * Sees whether the server takes the message as it is; else plans what it gets
 * instead.  false: the verdict says why that cannot be.
 */
bool content_prepare(struct client *, struct letter *)
    __attribute__((warn_unused_result));
/* Frees what that made. */
void content_forget(struct letter *);

/* Writes what was planned to the stream, as body_send() does. */
enum body_sent content_convert(
    struct stream *, struct letter *, enum dotstuff_form);

/* ---- content.c ---- */

/* How a transaction goes on after a step. */
enum step {
	STEP_ON,
	STEP_OVER,   /* nothing more to do, the session is fine */
	STEP_LOST,   /* the session is not; the verdict says why */
	STEP_DEAD,   /* nor will another one be */
	STEP_STALE,  /* it had ended before we began */
	STEP_POLICY, /* over, for our address */
};

enum judgement step_judge(const struct client *, enum phase);
/* There was no reply, and the verdict says why. */
enum step step_unheard(const struct client *);
/* The reply says more than no to this: the verdict is made of it. */
enum step step_trouble(struct client *, enum judgement, enum phase);
/* What becomes of mail that is refused. */
enum outcome_kind step_refusal(enum judgement);

/*
 * Sends the message to those that were taken, and notes what was answered.
 * said: DATA has gone out with the envelope.
 */
enum step content_send(struct client *, struct letter *, bool said);

#endif
