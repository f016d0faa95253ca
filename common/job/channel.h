/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_CHANNEL_H
#define RESTANTE_COMMON_JOB_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the processes of one server say to each other, over a SOCK_SEQPACKET
 * pair: a session sends a struct request (header, then the payload of its
 * kind), and gets one struct answer, with data behind it if it is one of those
 * that have some and ended well.  One request at a time.  No descriptors
 * travel: the server opened all that a session has, and kept its own copies.
 */

enum request_kind {
	REQUEST_TLS,     /* start again with a TLS handshake: kills who asks,
	                  * or answers that it cannot be */
	REQUEST_PEER,    /* struct claim: who a proxy speaks for; answers
	                  * struct welcome at once */
	REQUEST_OFFENCE, /* a uint32_t of enum offence: answered at once */
	REQUEST_LOGIN,   /* struct login */
	REQUEST_SALT,    /* struct login: its name's; answers password_salt */
	REQUEST_PROOF,   /* struct login: SCRAM; answers the signature */
	REQUEST_NAME,    /* struct login: EXTERNAL; answers whose it is */
	REQUEST_RCPT,    /* struct rcpt_question; answers struct rcpt_answer */
	REQUEST_DELIVER, /* text of mail_head(); the message is in the body */
	REQUEST_FLUSH,   /* a domain, NUL ended: its mail is to be tried now */
	REQUEST_DNSBL,   /* nothing; answers struct dnsbl_answer */
	/* Made by the server itself: */
	REQUEST_MAILBOX, /* after a login */
	REQUEST_ENQUEUE, /* after a REQUEST_DELIVER that ended STATUS_LATER */
};

enum { REQUESTS = REQUEST_ENQUEUE + 1 };

enum { REQUEST_MAX = 112 * 1024 }; /* octets of payload */

struct request {
	uint32_t kind;
	uint32_t serial; /* comes back in the answer */
};

/* How a request ended.  A worker's exit status is one of these. */
enum status {
	STATUS_OK,
	STATUS_NO,        /* wrong password, no such user */
	STATUS_TEMPORARY, /* could not find out or do it; the log says why */
	STATUS_LOCKED,    /* the mailbox is locked by somebody else */
	STATUS_FULL,      /* no space, no quota */
	STATUS_QUEUED,    /* not yet done, but ours, durably */
	STATUS_LATER,     /* a worker's: the next one goes on */
	STATUS_LIMITED,   /* the account has sent its share for now */
};

struct answer {
	uint32_t serial;
	uint32_t status;
};

/*
 * Receives one message without waiting.  Returns the size of the payload, or
 * -1 with errno (EAGAIN: none; EPIPE: the other end is closed; EBADMSG:
 * malformed).
 */
ssize_t channel_receive(int channel, struct request *, void *payload,
    size_t size) __attribute__((warn_unused_result));

/* Answers a request; a vanished session is nobody to tell. */
void channel_answer(int channel, uint32_t serial, enum status);

/* The same with data, CHANNEL_DATA octets at most. */
enum { CHANNEL_DATA = 128 };
void channel_answer_data(
    int channel, uint32_t serial, enum status, const void *data, size_t size);

/* Sends a request and waits for its answer; STATUS_TEMPORARY on any trouble. */
enum status channel_call(int channel, enum request_kind, const void *payload,
    size_t size) __attribute__((warn_unused_result));

/* The same for a request whose good end brings room octets of data. */
enum status channel_ask(int channel, enum request_kind, const void *payload,
    size_t size, void *data, size_t room) __attribute__((warn_unused_result));

#endif
