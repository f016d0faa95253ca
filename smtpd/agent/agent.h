/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AGENT_AGENT_H
#define RESTANTE_SMTPD_AGENT_AGENT_H

#include "common/auth/sts.h"
#include "common/keeper/dkim_keys.h"
#include "common/text/address.h"
#include "common/tls/signature.h"
#include "smtpd/agent/tls_note.h"

#include <stdint.h>

/*
 * Agents: processes that the queue runner starts to carry messages, one for a
 * connection to a next hop, or for a local delivery.  The runner gives orders
 * over a SOCK_SEQPACKET pair, each with a descriptor of a queue file that can
 * only be read; the agent answers with an outcome for each recipient, the last
 * of which says so, and waits for the next order.  It ends when the channel
 * is closed.  The agent reads the network; the runner checks what it says.
 */

enum {
	ORDER_RECIPIENTS = 100, /* of one transaction, RFC 5321 4.5.3.1.8 */
	OUTCOME_TEXT = 900,
	OUTCOME_HOST = 300,
};

#define ORDER_NULL_SENDER "<>"

struct order {
	uint32_t serial; /* comes back */
	uint32_t count;
	uint32_t recipients[ORDER_RECIPIENTS]; /* numbers in the file */
	/* In place of the message's own; "": that one. */
	char sender[ADDRESS_TEXT];
	uint32_t seal; /* 1: it gets a set of ARC */
};

enum outcome_kind {
	OUTCOME_SENT,     /* the next hop, or the mailbox, has it for good */
	OUTCOME_DEFERRED, /* try this recipient again later */
	OUTCOME_FAILED,   /* for good: tell the sender */
	OUTCOME_EXPANDED, /* local agent: went to the users of a .forward */
	OUTCOME_DONE,     /* that was the order, if no outcome was its last */
	OUTCOME_OPEN,     /* there is a session with the next hop */
	/*
	 * The connection that was kept has ended, and this agent can make no
	 * other: what has no outcome is for another one, at once.  The agent
	 * ends after it; never the first order's.
	 */
	OUTCOME_STALE,
	/*
	 * The next hop as a whole does not work (no connection, no DNS, no
	 * login, 421): nothing more will be tried on this connection.  What is
	 * in the order under way and has no outcome yet is deferred with the
	 * same text.  The agent ends after it.
	 */
	OUTCOME_DEAD,
};

/* The features that the next hop does not support, as bits, so that the
   sender is told. */
enum relayed {
	RELAYED_WITHOUT_DSN = 1, /* and NOTIFY=SUCCESS was asked for */
	RELAYED_WITHOUT_BY = 2,  /* DELIVERBY */
};

/* A further bit, with OUTCOME_DEFERRED: the next hop surely does not have
   the message, so that another one may be tried at once. */
enum { DEFERRED_ELSEWHERE = 4 };

/* Of OUTCOME_DONE: the local agent has put more mail into the queue. */
enum { DONE_QUEUED = 8 };

struct outcome {
	uint32_t serial;
	uint32_t recipient; /* number in the file; where there is one */
	uint32_t kind;      /* enum outcome_kind */
	uint32_t relayed; /* SENT: enum relayed; DEFERRED: DEFERRED_ELSEWHERE */
	uint32_t last;    /* 1: of a recipient, and the order's last */
	char dsn[12];     /* 2.0.0, 4.4.1 */
	char host[OUTCOME_HOST]; /* mx.example.org[192.0.2.1]:25, local */
	char text[OUTCOME_TEXT]; /* its reply in full, lines joined by " / " */
};

/*
 * While an order is under way the agent may ask the runner for what it needs to
 * sign the message, a question at a time; the runner gets it from the signer
 * (common/keeper/signer.h), and neither has a key.
 */

enum agent_want {
	WANT_KEYS,      /* which there are for a domain */
	WANT_SIGNATURE, /* of a hash by one of them */
};

enum {
	AGENT_SIGNATURES = 16, /* that an order may cost */
	AGENT_CHANGES = 4,     /* times that it asks again for other keys */
};

struct agent_question {
	uint32_t serial; /* of the order */
	uint32_t want;   /* enum agent_want */
	uint32_t key;    /* by the number that the answer gave it */
	char domain[DKIM_KEY_NAME];
	uint8_t digest[CRYPTO_SHA256];
};

struct agent_answer {
	uint32_t good;  /* 0: not now, for the reason in why */
	uint32_t stale; /* the keys have changed: ask for them again */
	uint32_t count; /* keys: none, one, or RSA and Ed25519 */
	struct {
		uint32_t number;
		struct dkim_name name;
	} keys[2];
	struct signature signature;
	char why[CONFIG_ERROR];
};

/* The findings of an agent about the MTA-STS policy of its hop's domain. */
struct agent_news {
	char id[STS_ID + 1]; /* its version; see common/auth/sts.h */
	uint32_t len;        /* octets of text; 0: it cannot be had now */
	char text[STS_TEXT];
};

/* Tells the runner, which keeps it for later agents. */
void agent_send_news(int channel, const struct agent_news *);

/* Tells the runner the result of TLS with a host, which it notes down. */
void agent_send_note(int channel, const struct tls_note *);

/* Asks and waits, which the runner limits.  0, or -1: there is no answer. */
int agent_ask(int channel, const struct agent_question *, struct agent_answer *)
    __attribute__((warn_unused_result));

/* The runner's answer.  0, or -1: the agent waits for it in vain, or has ended.
 */
int agent_answer(int channel, const struct agent_answer *)
    __attribute__((warn_unused_result));

/* Sends an order with its descriptor; the caller keeps that.  0 or -1. */
int agent_send_order(int channel, const struct order *, int fd)
    __attribute__((warn_unused_result));

/* Waits for an order and its descriptor.  0, or -1: there are no more. */
int agent_receive_order(int channel, struct order *, int *fd)
    __attribute__((warn_unused_result));

/* Tells the runner; the text is cut and cleaned of control characters. */
void agent_send_outcome(int channel, const struct outcome *);

union agent_said {
	struct outcome outcome;
	struct agent_question question;
	struct agent_news news;
	struct tls_note note;
};

enum agent_message {
	AGENT_GONE = -1, /* it has ended, or sent something else */
	AGENT_NOTHING,   /* now */
	AGENT_OUTCOME,
	AGENT_QUESTION,
	AGENT_NEWS,
	AGENT_NOTE,
};

/*
 * Receives a message of an agent without waiting.  Strings are ended, kinds are
 * valid.
 */
enum agent_message agent_receive(int channel, union agent_said *)
    __attribute__((warn_unused_result));

#endif
