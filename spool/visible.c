/* SPDX-License-Identifier: ISC */
/* Reads single messages of a mailbox as clients see them. */
#include "spool/visible.h"

#include "common/io/file.h"
#include "common/mime/surrogate.h"
#include "spool/mbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64 * 1024, STAGE = 64 * 1024 };

/* One of the two takes what is read. */
struct reading {
	struct crypto_hash *hash; /* of lines that end in LF, or NULL */
	struct surrogate *surrogate;
	uint64_t octets; /* that the surrogate has given out */
	struct mbox_decoder decoder;
	bool begins, open; /* the next piece begins a line; it has not ended */
	size_t staged;
	char stage[STAGE]; /* lines on their way to the hash */
	char window[WINDOW];
};

static void
flush_stage(struct reading *r)
{
	crypto_hash_add(r->hash, r->stage, r->staged);
	r->staged = 0;
}

static void
hash_text(struct reading *r, const char *text, size_t len)
{
	if (len > STAGE - r->staged) {
		flush_stage(r);
	}
	memcpy(r->stage + r->staged, text, len);
	r->staged += len;
}

static void
measure_text(struct reading *r, const char *text, size_t len)
{
	const char *piece;
	size_t n;

	surrogate_feed(r->surrogate, text, len);
	while (surrogate_next(r->surrogate, &piece, &n)) {
		r->octets += n;
	}
}

/* No text is longer than the window. */
static void
take_text(struct reading *r, const char *text, size_t len, bool ends)
{
	if (r->hash != NULL) {
		hash_text(r, text, len);
		hash_text(r, "\n", ends ? 1 : 0);
	} else {
		measure_text(r, text, len);
		measure_text(r, "\r\n", ends ? 2 : 0);
	}
}

/* The lines of a window; how many octets of it. */
static size_t
take_lines(struct reading *r, size_t len, bool last)
{
	struct mbox_window w = { .data = r->window,
		.len = len,
		.last = last,
		.full = len == WINDOW,
		.begins = r->begins };
	struct mbox_line line;

	while (mbox_next_line(&w, &line)) {
		if (mbox_decode(&r->decoder, &line)) {
			take_text(r, line.text, line.len, line.ends);
			r->open = !line.ends;
		}
	}
	r->begins = w.begins;
	return w.done;
}

static int
take_message(struct reading *r, int fd, const struct message *message)
{
	int64_t at = message->text;

	r->begins = true;
	while (at < message->end) {
		int64_t rest = message->end - at;
		size_t len = rest < WINDOW ? (size_t)rest : WINDOW;
		if (file_read(fd, r->window, len, at) == -1) {
			return -1;
		}
		at += (int64_t)take_lines(r, len, (int64_t)len == rest);
	}
	take_text(r, "", 0, r->open); /* it ends when it is sent */
	return 0;
}

/* Most of it is touched by long messages alone. */
static struct reading *
new_reading(void)
{
	struct reading *r = malloc(sizeof(*r));

	if (r != NULL) {
		memset(r, 0, offsetof(struct reading, stage));
	}
	return r;
}

int
visible_digest(int fd, struct message *message, struct crypto_hash *hash)
{
	struct reading *r = new_reading();
	uint8_t digest[CRYPTO_SHA256];

	if (r == NULL) {
		return -1;
	}
	r->hash = hash;
	int result = take_message(r, fd, message);
	flush_stage(r);
	crypto_hash_result(hash, digest);
	memcpy(message->id, digest, sizeof(message->id));
	int saved = errno;
	free(r);
	errno = saved;
	return result;
}

int
visible_measure(int fd, struct message *message)
{
	struct reading *r = new_reading();
	int result = -1;

	if (r != NULL && (r->surrogate = surrogate_open()) != NULL) {
		result = take_message(r, fd, message);
		surrogate_finish(r->surrogate);
		measure_text(r, "", 0);
		if (r->surrogate->failed) {
			errno = ENOMEM;
			result = -1;
		}
	}
	if (result == 0) {
		message->raw = r->surrogate->changed;
		message->ascii = r->octets;
	}
	int saved = errno;
	surrogate_close(r == NULL ? NULL : r->surrogate);
	free(r);
	errno = saved;
	return result;
}
