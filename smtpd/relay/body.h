/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_BODY_H
#define RESTANTE_SMTPD_RELAY_BODY_H

#include "common/text/dotstuff.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The message on its way out, from its file to the stream. */

enum { BODY_BLOCK = 64 * 1024, BODY_ROOM = DOTSTUFF_ROOM(BODY_BLOCK) };

/*
 * Reads a block of a stored message that has `left` octets from `from` on.
 * Returns its length, or -1 with errno; a file that is shorter is an error.
 */
ssize_t body_read(int fd, char block[BODY_BLOCK], off_t from, uint64_t left);

struct stream;

enum body_sent {
	BODY_SENT,
	BODY_UNREADABLE, /* our file: errno */
	BODY_LOST,       /* the connection failed */
};

/*
 * Writes the length octets from offset, encoded, to the stream; the last of
 * them may wait there for what follows.
 */
enum body_sent body_send(
    struct stream *, int fd, off_t from, uint64_t length, enum dotstuff_form);

/* The number of octets that body_send() would write; -1 with errno. */
int64_t body_size(int fd, off_t from, uint64_t length, enum dotstuff_form);

#endif
