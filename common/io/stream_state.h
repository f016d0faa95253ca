/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_STREAM_STATE_H
#define RESTANTE_COMMON_IO_STREAM_STATE_H

#include "common/io/deadline.h"
#include "common/io/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is in a stream: for stream.c and stream_lines.c alone. */

enum {
	IN_SIZE = 32 * 1024,
	OUT_SIZE = 16 * 1024,   /* a full TLS record */
	FLOOD_SIZE = 64 * 1024, /* of one line before the peer is given up */
};

struct stream {
	int rfd, wfd;
	struct tls_session *tls;
	int timeout;
	int64_t end;      /* of the session */
	int64_t patience; /* when what is being read must be there */
	struct pace pace; /* of what is read, if paced */
	bool paced;
	bool accept_lf;
	bool interruptible;
	bool failed;
	uint64_t received, sent;
	size_t in_pos, in_len, out_len;
	char in[IN_SIZE];
	char out[OUT_SIZE];
};

/* Reads what there is; waits (and flushes) only if there is nothing. */
enum line stream_fill(struct stream *);

/* Sets patience for a read that begins now. */
void stream_be_patient(struct stream *);

#endif
