/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_BODY_H
#define RESTANTE_SMTPD_RELAY_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The message on its way out.  A body that is stored as it should be, in lines
 * that end in CR LF, leaves as it is but for dots that DATA doubles.  A CR or
 * LF on its own, which no queue file of ours has, becomes CR LF, so that it
 * never is the end of the message to a server that reads more into it.
 */

struct body {
	bool stuff; /* for DATA: double dots, end the last line */
	enum {
		BODY_START, /* of a line */
		BODY_LINE,
		BODY_CR,
	} state;
};

enum { BODY_BLOCK = 64 * 1024, BODY_ROOM = 2 * BODY_BLOCK + 8 };

/*
 * Encodes at most BODY_BLOCK octets of input into out; begins with a zeroed
 * state.  Answers how many octets that makes.  Pure.
 */
size_t body_encode(
    struct body *, const char *in, size_t len, char out[BODY_ROOM]);
/* What has to follow the last block: at most 2 octets. */
size_t body_finish(struct body *, char out[BODY_ROOM]);

/*
 * Reads octets of a stored message, of which so many are left; how many, or -1
 * with errno.  That it is shorter than that is an error.
 */
ssize_t body_read(int fd, char block[BODY_BLOCK], off_t from, uint64_t left);

struct stream;

enum body_sent {
	BODY_SENT,
	BODY_UNREADABLE, /* our file: errno */
	BODY_LOST,       /* the connection does not take it */
};

/*
 * Writes the length octets from offset, encoded, to the stream; the last of
 * them may wait there for what follows.
 */
enum body_sent body_send(
    struct stream *, int fd, off_t from, uint64_t length, bool stuff);

/* How many octets body_send() would write; -1: errno. */
int64_t body_size(int fd, off_t from, uint64_t length, bool stuff);

#endif
