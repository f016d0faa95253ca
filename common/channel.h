/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CHANNEL_H
#define RESTANTE_COMMON_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the processes of one server say to each other, over a SOCK_SEQPACKET
 * pair: a session sends a struct request (header, then the payload of its
 * kind), and gets one struct answer.  One request at a time.
 */

enum request_kind {
	REQUEST_TLS,     /* start again with a TLS handshake; fd: the client */
	REQUEST_LOGIN,   /* struct login; fd (pop3d): what the mailbox process
	                    speaks on */
	REQUEST_LOOKUP,  /* a user's name, NUL ended: is there such an account?
	                  */
	REQUEST_DELIVER, /* struct delivery; fd: the message */
	REQUEST_MAILBOX, /* made by the server itself after a login */
};

enum { REQUEST_MAX = 16 * 1024 }; /* octets of payload */

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
};

struct answer {
	uint32_t serial;
	uint32_t status;
};

/* Sends one message, with descriptor fd unless -1.  0, or -1 with errno. */
int channel_send(int channel, const struct request *, const void *payload,
    size_t size, int fd) __attribute__((warn_unused_result));

/*
 * Receives one message.  Returns the size of the payload, or -1 with errno
 * (EPIPE: the other end is closed; EBADMSG: malformed).  *fd is the descriptor
 * that came along (the caller's to close), or -1.
 */
ssize_t channel_receive(int channel, struct request *, void *payload,
    size_t size, int *fd) __attribute__((warn_unused_result));

/* Answers a request; a vanished session is nobody to tell. */
void channel_answer(int channel, uint32_t serial, enum status);

/* Sends a request and waits for its answer; STATUS_TEMPORARY on any trouble. */
enum status channel_call(int channel, enum request_kind, const void *payload,
    size_t size, int fd) __attribute__((warn_unused_result));

#endif
