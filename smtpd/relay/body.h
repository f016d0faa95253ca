/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_BODY_H
#define RESTANTE_SMTPD_RELAY_BODY_H

#include "common/text/dotstuff.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The message on its way out, from its file to the stream. */

enum { BODY_BLOCK = 64 * 1024, BODY_ROOM = DOTSTUFF_ROOM(BODY_BLOCK) };

/* The octets of a message: what stands in front, then a part of its file. */
struct body {
	const char *front; /* stays the caller's */
	size_t front_len;
	int fd;
	off_t from;
	uint64_t length; /* octets of the part */
};

uint64_t body_length(const struct body *);

/*
 * Reads the next octets after the first `at` of them, at least one of those
 * that there are.  Returns how many; 0 at the end; -1 with errno: a file that
 * is shorter is an error.
 */
ssize_t body_read(const struct body *, uint64_t at, char block[BODY_BLOCK]);

struct stream;

enum body_sent {
	BODY_SENT,
	BODY_UNREADABLE, /* our file: errno */
	BODY_LOST,       /* the connection failed */
};

/*
 * Writes the message, encoded, to the stream; the last octets may wait there
 * for what follows.
 */
enum body_sent body_send(
    struct stream *, const struct body *, enum dotstuff_form);

/* The number of octets that body_send() would write; -1 with errno. */
int64_t body_size(const struct body *, enum dotstuff_form);

#endif
