/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_CHANNEL_H
#define RESTANTE_COMMON_JOB_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The messages between the processes of one server, over a SOCK_SEQPACKET pair:
 * a session sends a struct request (header, then the payload of its kind), and
 * gets one struct answer, followed by data if the kind has some and the request
 * succeeded.  One request at a time.  No descriptors travel here: the server
 * opened all that a session has, and kept its own copies.
 */

enum request_kind {
	REQUEST_TLS,      /* start again with a TLS handshake: kills the asking
	                     session, or answers that TLS is unavailable */
	REQUEST_PEER,     /* struct claim: the client of a proxy; answers struct
	                     welcome at once */
	REQUEST_OFFENCE,  /* a uint32_t of enum offence: answered at once */
	REQUEST_SIGN,     /* struct signature_question; answers a signature */
	REQUEST_LOGIN,    /* struct login */
	REQUEST_SALT,     /* struct login: a name; answers password_salt */
	REQUEST_PROOF,    /* struct login: SCRAM; answers the signature */
	REQUEST_NAME,     /* struct login: EXTERNAL; answers the user name */
	REQUEST_PASSWD,   /* struct own_password; answers struct own_answer */
	REQUEST_RCPT,     /* struct rcpt_question; answers struct rcpt_answer */
	REQUEST_DELIVER,  /* text of mail_head(); the message is in the body */
	REQUEST_FLUSH,    /* a domain, NUL ended: its mail is to be tried now */
	REQUEST_DNSBL,    /* nothing; answers struct dnsbl_answer */
	REQUEST_LABEL,    /* of a domain, not ASCII; answers its A-label */
	REQUEST_VERIFY,   /* struct verify_question, about what is in the body;
	                     answers struct verify_answer */
	REQUEST_FILTER,   /* struct filter_question, then text of mail_head(),
	                     about the same; answers struct filter_answer */
	REQUEST_NEXT_HOP, /* struct next_hop_question; answers struct
	                     next_hop_answer */
	/* Made by the server itself: */
	REQUEST_MAILBOX, /* after a login */
	REQUEST_ENQUEUE, /* after a REQUEST_DELIVER that ended STATUS_LATER */
};

enum { REQUESTS = REQUEST_ENQUEUE + 1 };

/*
 * Octets of payload.  An envelope of 1 000 recipients of any length fits; one
 * message on a socket is at most 416 KiB, by Linux's default wmem_max.
 */
enum { REQUEST_MAX = 400 * 1024 };

struct request {
	uint32_t kind;
	uint32_t serial; /* comes back in the answer */
	/*
	 * Identifies the subject of the job, by a number with no other meaning,
	 * if a resident may do it (common/job/resident.h).  Then only the first
	 * head octets are the payload, and the rest is the contents of the body
	 * file.
	 */
	uint64_t key; /* 0: no resident */
	uint64_t head;
};

/* How a request ended.  A worker's exit status is one of these. */
enum status {
	STATUS_OK,
	STATUS_NO,        /* wrong password, no such user */
	STATUS_TEMPORARY, /* could not find out or do it; the log says why */
	STATUS_LOCKED,    /* the mailbox is locked by somebody else */
	STATUS_FULL,      /* no space, no quota */
	STATUS_QUEUED,    /* accepted and durable, not yet delivered */
	STATUS_LATER,     /* from a worker: the next worker goes on */
	STATUS_LIMITED,   /* the account has reached its sending limit */
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

/* Answers a request; ignores that the session has ended. */
void channel_answer(int channel, uint32_t serial, enum status);

/* Answers with data, CHANNEL_DATA octets at most. */
enum { CHANNEL_DATA = 2304 };
void channel_answer_data(
    int channel, uint32_t serial, enum status, const void *data, size_t size);

/* Sends a request and waits for its answer; STATUS_TEMPORARY on any trouble. */
enum status channel_call(int channel, enum request_kind, const void *payload,
    size_t size) __attribute__((warn_unused_result));

/* Does the same for a job that a resident may do: key is not 0. */
enum status channel_hand(int channel, enum request_kind, uint64_t key,
    const void *payload, size_t size, const void *text, size_t len)
    __attribute__((warn_unused_result));

/* Does the same as channel_call() for a request whose success brings room
   octets of data. */
enum status channel_ask(int channel, enum request_kind, const void *payload,
    size_t size, void *data, size_t room) __attribute__((warn_unused_result));

/* Does the same for a job that a resident may do: key is not 0. */
enum status channel_ask_resident(int channel, enum request_kind, uint64_t key,
    const void *payload, size_t size, void *data, size_t room)
    __attribute__((warn_unused_result));

/*
 * Makes room for the largest request at a session's end.  What is larger than
 * the system lets it be is refused when it is sent: 451, and most requests are
 * small.
 */
void channel_make_room(int fd);

#endif
