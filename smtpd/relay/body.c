/* SPDX-License-Identifier: ISC */
/* The message on its way out, block by block. */
#include "smtpd/relay/body.h"

#include "common/io/file.h"
#include "common/io/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t
body_length(const struct body *b)
{
	return b->front_len + b->length;
}

ssize_t
body_read(const struct body *b, uint64_t at, char block[BODY_BLOCK])
{
	uint64_t left = body_length(b) - at;
	size_t want = left < BODY_BLOCK ? (size_t)left : BODY_BLOCK;

	if (at < b->front_len) {
		size_t n = b->front_len - (size_t)at;
		n = n < want ? n : want;
		memcpy(block, b->front + at, n);
		return (ssize_t)n;
	}
	ssize_t n = want == 0 ? 0
	                      : file_read_some(b->fd, block, want,
				    b->from + (off_t)(at - b->front_len));
	if (n == 0 && want > 0) {
		/* The file is shorter than its head says. */
		errno = EIO;
		return -1;
	}
	return n;
}

/* Allocates two blocks: one as stored, one encoded. */
static char *
make_room(void)
{
	return malloc((size_t)BODY_BLOCK + BODY_ROOM);
}

enum body_sent
body_send(struct stream *stream, const struct body *b, enum dotstuff_form form)
{
	struct dotstuff_encoder e = { .form = form };
	char *block = make_room();
	enum body_sent result = BODY_SENT;
	uint64_t at = 0, length = body_length(b);

	if (block == NULL) {
		return BODY_UNREADABLE;
	}
	char *out = block + BODY_BLOCK;
	while (at < length) {
		ssize_t n = body_read(b, at, block);
		if (n == -1) {
			result = BODY_UNREADABLE;
			break;
		}
		at += (uint64_t)n;
		size_t len = dotstuff_encode(&e, block, (size_t)n, out);
		stream_write(stream, out, len);
		/* The last block goes out together with what ends it. */
		if (at < length && stream_flush(stream) == -1) {
			result = BODY_LOST;
			break;
		}
	}
	if (result == BODY_SENT) {
		stream_write(stream, out, dotstuff_encode_end(&e, out));
	}
	int saved = errno;
	free(block);
	errno = saved;
	return result;
}

int64_t
body_size(const struct body *b, enum dotstuff_form form)
{
	struct dotstuff_encoder e = { .form = form };
	char *block = make_room();
	uint64_t at = 0, length = body_length(b);
	int64_t size = 0;

	if (block == NULL) {
		return -1;
	}
	char *out = block + BODY_BLOCK;
	while (at < length && size >= 0) {
		ssize_t n = body_read(b, at, block);
		if (n == -1) {
			size = -1;
			break;
		}
		at += (uint64_t)n;
		size += (int64_t)dotstuff_encode(&e, block, (size_t)n, out);
	}
	if (size >= 0) {
		size += (int64_t)dotstuff_encode_end(&e, out);
	}
	int saved = errno;
	free(block);
	errno = saved;
	return size;
}
