/* SPDX-License-Identifier: ISC */
/* The message on its way out: blocks, and inside them lines by memchr. */
#include "smtpd/relay/body.h"

#include "common/io/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Octets before the first CR or LF. */
static size_t
plain_run(const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);
	size_t n = lf == NULL ? len : (size_t)(lf - p);
	const char *cr = memchr(p, '\r', n);

	return cr == NULL ? n : (size_t)(cr - p);
}

static size_t
end_line(struct body *b, char *out)
{
	b->state = BODY_START;
	out[0] = '\r';
	out[1] = '\n';
	return 2;
}

size_t
body_encode(struct body *b, const char *in, size_t len, char out[BODY_ROOM])
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		if (b->state == BODY_CR) {
			/* With its LF, or without. */
			i += in[i] == '\n';
			n += end_line(b, out + n);
			continue;
		}
		if (b->state == BODY_START && b->stuff && in[i] == '.') {
			out[n++] = '.';
		}
		size_t run = plain_run(in + i, len - i);
		memcpy(out + n, in + i, run);
		n += run;
		i += run;
		b->state = run > 0 ? BODY_LINE : b->state;
		if (i == len) {
			break;
		}
		if (in[i++] == '\r') {
			b->state = BODY_CR;
		} else {
			n += end_line(b, out + n);
		}
	}
	return n;
}

size_t
body_finish(struct body *b, char out[BODY_ROOM])
{
	bool open = b->state == BODY_CR || (b->stuff && b->state == BODY_LINE);

	return open ? end_line(b, out) : 0;
}

ssize_t
body_read(int fd, char block[BODY_BLOCK], off_t from, uint64_t left)
{
	size_t want = left < BODY_BLOCK ? (size_t)left : BODY_BLOCK;
	ssize_t n;

	do {
		n = pread(fd, block, want, from);
	} while (n == -1 && errno == EINTR);
	if (n == 0) {
		/* The file is shorter than its head says. */
		errno = EIO;
		return -1;
	}
	return n;
}

/* Two blocks: as stored, and encoded. */
static char *
make_room(void)
{
	return malloc((size_t)BODY_BLOCK + BODY_ROOM);
}

enum body_sent
body_send(
    struct stream *stream, int fd, off_t from, uint64_t length, bool stuff)
{
	struct body b = { .stuff = stuff };
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
		size_t len = body_encode(&b, block, (size_t)n, out);
		stream_write(stream, out, len);
		/* The last block goes out together with what ends it. */
		if (length > 0 && stream_flush(stream) == -1) {
			result = BODY_LOST;
			break;
		}
	}
	if (result == BODY_SENT) {
		stream_write(stream, out, body_finish(&b, out));
	}
	int saved = errno;
	free(block);
	errno = saved;
	return result;
}

int64_t
body_size(int fd, off_t from, uint64_t length, bool stuff)
{
	struct body b = { .stuff = stuff };
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
		size += (int64_t)body_encode(&b, block, (size_t)n, out);
	}
	if (size >= 0) {
		size += (int64_t)body_finish(&b, out);
	}
	int saved = errno;
	free(block);
	errno = saved;
	return size;
}
