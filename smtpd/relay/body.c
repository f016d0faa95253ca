/* SPDX-License-Identifier: ISC */
/* The message on its way out, block by block. */
#include "smtpd/relay/body.h"

#include "common/io/file.h"
#include "common/io/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t
body_read(int fd, char block[BODY_BLOCK], off_t from, uint64_t left)
{
	size_t want = left < BODY_BLOCK ? (size_t)left : BODY_BLOCK;
	ssize_t n = file_read_some(fd, block, want, from);

	if (n == 0) {
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
body_send(struct stream *stream, int fd, off_t from, uint64_t length,
    enum dotstuff_form form)
{
	struct dotstuff_encoder e = { .form = form };
	char *block = make_room();
	enum body_sent result = BODY_SENT;

	if (block == NULL) {
		return BODY_UNREADABLE;
	}
	char *out = block + BODY_BLOCK;
	while (length > 0) {
		ssize_t n = body_read(fd, block, from, length);
		if (n == -1) {
			result = BODY_UNREADABLE;
			break;
		}
		from += n;
		length -= (uint64_t)n;
		size_t len = dotstuff_encode(&e, block, (size_t)n, out);
		stream_write(stream, out, len);
		/* The last block goes out together with what ends it. */
		if (length > 0 && stream_flush(stream) == -1) {
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
body_size(int fd, off_t from, uint64_t length, enum dotstuff_form form)
{
	struct dotstuff_encoder e = { .form = form };
	char *block = make_room();
	int64_t size = 0;

	if (block == NULL) {
		return -1;
	}
	char *out = block + BODY_BLOCK;
	while (length > 0 && size >= 0) {
		ssize_t n = body_read(fd, block, from, length);
		if (n == -1) {
			size = -1;
			break;
		}
		from += n;
		length -= (uint64_t)n;
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
