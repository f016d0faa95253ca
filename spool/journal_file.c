/* SPDX-License-Identifier: ISC */
/* The journal file: its parts, and the sums that prove them. */
#include "spool/journal_file.h"

#include "common/tls/crypto.h"
#include "spool/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
journal_sum(const void *data, size_t len, uint8_t sum[SUM])
{
	uint8_t digest[CRYPTO_SHA256];

	if (crypto_sha256(data, len, digest) == -1) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(sum, digest, SUM);
	return 0;
}

off_t
journal_area(const struct run *r, uint64_t serial)
{
	uint64_t plan =
	    r->header.count * sizeof(struct range) + r->header.text_len;
	uint64_t first = (PLAN + plan + BLOCK - 1) / BLOCK * BLOCK;

	return (off_t)(first + serial % 2 * r->header.batch);
}

/* ---- the stream of kept bytes ---- */

uint64_t
journal_total(const struct run *r)
{
	return r->header.new_size - r->header.start;
}

/*
 * Reads len bytes of the stream from position on.  *source: where the first
 * of them that comes from the mailbox lies there, or UINT64_MAX; *text:
 * whether some come from the text.
 */
int
journal_stream(const struct run *r, uint64_t position, size_t len,
    uint64_t *source, bool *text)
{
	size_t done = 0;

	*source = UINT64_MAX;
	*text = false;
	for (size_t i = 0; i < r->header.count && done < len; i++) {
		const struct range *range = &r->ranges[i];
		if (position >= range->len) {
			position -= range->len;
			continue;
		}
		uint64_t from = range->from + position;
		size_t n = range->len - position < len - done
		               ? (size_t)(range->len - position)
		               : len - done;
		if (range->is_text != 0) {
			memcpy(r->buffer + done, r->text + from, n);
			*text = true;
		} else if (file_read(r->mailbox, r->buffer + done, n,
			       (off_t)from) == -1) {
			return -1;
		} else if (*source == UINT64_MAX) {
			*source = from - done;
		}
		done += n;
		position = 0;
	}
	return 0;
}

int
journal_write_slot(
    struct run *r, enum kind kind, uint64_t len, const uint8_t data[SUM])
{
	struct slot s = { .serial = r->serial,
		.kind = kind,
		.position = r->position,
		.len = len };

	memcpy(s.data, data, SUM);
	if (journal_sum(&s, offsetof(struct slot, sum), s.sum) == -1) {
		return -1;
	}
	return file_write(
	    r->journal, &s, sizeof(s), SLOT + (off_t)(r->serial % 2) * BLOCK);
}

/* The sum of a sample of [new_size, size). */
int
journal_tail_sum(const struct run *r, uint8_t sum[SUM])
{
	uint64_t from = r->header.new_size, to = r->header.size;
	size_t half = to - from < SAMPLE ? (size_t)(to - from) : SAMPLE;
	char *sample = malloc(2 * SAMPLE);
	int result = -1;

	if (sample != NULL &&
	    file_read(r->mailbox, sample, half, (off_t)from) == 0 &&
	    file_read(r->mailbox, sample + half, half, (off_t)(to - half)) ==
		0) {
		result = journal_sum(sample, 2 * half, sum);
	}
	int saved = errno;
	free(sample);
	errno = saved;
	return result;
}

int
journal_drop(const struct run *r)
{
	return unlinkat(r->directory, "journal", 0);
}

/* Sums of what stays as it is: the head, and the end that is cut off. */
static int
landmark(const struct run *r, uint64_t from, uint64_t to, uint8_t sum[SUM])
{
	char sample[BLOCK];
	size_t len = to - from < BLOCK ? (size_t)(to - from) : BLOCK;

	if (file_read(r->mailbox, sample, len, (off_t)(to - len)) == -1) {
		return -1;
	}
	return journal_sum(sample, len, sum);
}

int
journal_landmarks(const struct run *r, uint8_t head[SUM], uint8_t tail[SUM])
{
	return landmark(r, 0, r->header.start, head) == -1 ||
	               landmark(r, r->header.new_size, r->header.size, tail) ==
	                   -1
	           ? -1
	           : 0;
}

int
journal_plan_sum(const struct run *r, uint8_t sum[SUM])
{
	struct crypto_hash *h = crypto_hash_open();
	uint8_t digest[CRYPTO_SHA256];

	if (h == NULL) {
		errno = ENOMEM;
		return -1;
	}
	crypto_hash_add(h, r->ranges, r->header.count * sizeof(*r->ranges));
	crypto_hash_add(h, r->text, r->header.text_len);
	crypto_hash_result(h, digest);
	crypto_hash_close(h);
	memcpy(sum, digest, SUM);
	return 0;
}

/* Writes header and plan to the journal file, durably. */
int
journal_write_plan(struct run *r)
{
	struct header *h = &r->header;
	size_t ranges = h->count * sizeof(*r->ranges);

	/* What is moved from now on may have been appended without a sync. */
	if (fdatasync(r->mailbox) == -1) {
		errno = EIO; /* whatever the reason: not one to go on */
		return -1;
	}
	if (journal_landmarks(r, h->head, h->tail) == -1 ||
	    journal_plan_sum(r, h->plan) == -1 ||
	    journal_sum(h, offsetof(struct header, sum), h->sum) == -1 ||
	    file_write(r->journal, r->ranges, ranges, PLAN) == -1 ||
	    file_write(
		r->journal, r->text, h->text_len, PLAN + (off_t)ranges) == -1 ||
	    file_write(r->journal, h, sizeof(*h), 0) == -1) {
		return -1;
	}
	return fsync(r->journal);
}

int
journal_open_new(struct run *r, const char *name)
{
	unlinkat(r->directory, "journal.new", 0);
	r->journal = openat(r->directory, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->journal == -1) {
		return -1;
	}
	/* The room for two batches now, not in the middle of the work. */
	uint64_t left = journal_total(r);
	uint64_t room = left < 2 * r->header.batch ? left : 2 * r->header.batch;
	int rc =
	    posix_fallocate(r->journal, 0, journal_area(r, 0) + (off_t)room);
	if (rc == EOPNOTSUPP || rc == EINVAL) {
		/* Without room at least with its length. */
		off_t len = journal_area(r, 0) + (off_t)room;
		rc = ftruncate(r->journal, len) == -1 ? errno : 0;
	}
	if (rc != 0) {
		unlinkat(r->directory, name, 0);
		errno = rc;
		return -1;
	}
	return 0;
}
