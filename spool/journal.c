/* SPDX-License-Identifier: ISC */
/*
 * The rewrite itself.  A batch of the stream of kept bytes is committed by its
 * slot, and only then written to the mailbox.  Slots and data areas alternate,
 * so that a committed batch is never overwritten before its write to the
 * mailbox is durable.  A batch that does not overlap its own source needs no
 * copy in the journal.
 */
#include "spool/journal.h"

#include "common/tls/crypto.h"
#include "common/io/file.h"
#include "common/io/owned.h"
#include "spool/journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Octets of a batch; tests make it small. */
size_t journal_batch = 8 * 1024 * 1024;

/* ---- the file: its parts, and the sums that prove them ---- */

void
journal_sum(const void *data, size_t len, uint8_t sum[SUM])
{
	uint8_t digest[CRYPTO_SHA256];

	crypto_sha256(data, len, digest);
	memcpy(sum, digest, SUM);
}

off_t
journal_area(const struct rewrite *r, uint64_t serial)
{
	uint64_t plan =
	    r->header.count * sizeof(struct range) + r->header.text_len;
	uint64_t first = (PLAN + plan + BLOCK - 1) / BLOCK * BLOCK;

	return (off_t)(first + serial % 2 * r->header.batch);
}

/* ---- the stream of kept bytes ---- */

uint64_t
journal_total(const struct rewrite *r)
{
	return r->header.new_size - r->header.start;
}

int
journal_stream(
    const struct rewrite *r, uint64_t position, size_t len, uint64_t *source)
{
	size_t done = 0;

	*source = UINT64_MAX;
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
		} else if (file_read(r->mailbox, r->buffer + done, n,
			       (off_t)from) == -1) {
			return -1;
		} else if (*source == UINT64_MAX) {
			*source = from; /* the others come after it */
		}
		done += n;
		position = 0;
	}
	return 0;
}

static int
journal_write_slot(struct rewrite *r, enum slot_kind kind, uint64_t len,
    const uint8_t data[SUM])
{
	struct journal_slot s = { .serial = r->serial,
		.kind = kind,
		.position = r->position,
		.len = len };

	memcpy(s.data, data, SUM);
	journal_sum(&s, offsetof(struct journal_slot, sum), s.sum);
	return file_write(
	    r->journal, &s, sizeof(s), SLOT + (off_t)(r->serial % 2) * BLOCK);
}

/* The sum of a sample of [new_size, size). */
int
journal_tail_sum(const struct rewrite *r, uint8_t sum[SUM])
{
	uint64_t from = r->header.new_size, to = r->header.size;
	size_t half = to - from < SAMPLE ? (size_t)(to - from) : SAMPLE;
	char *sample = malloc(2 * SAMPLE);
	int result = -1;

	if (sample != NULL &&
	    file_read(r->mailbox, sample, half, (off_t)from) == 0 &&
	    file_read(r->mailbox, sample + half, half, (off_t)(to - half)) ==
		0) {
		journal_sum(sample, 2 * half, sum);
		result = 0;
	}
	int saved = errno;
	free(sample);
	errno = saved;
	return result;
}

int
journal_drop(const struct rewrite *r)
{
	return unlinkat(r->directory, "journal", 0);
}

/* Sums of what stays as it is: the head, and the end that is cut off. */
static int
landmark(const struct rewrite *r, uint64_t from, uint64_t to, uint8_t sum[SUM])
{
	char sample[BLOCK];
	size_t len = to - from < BLOCK ? (size_t)(to - from) : BLOCK;

	if (file_read(r->mailbox, sample, len, (off_t)(to - len)) == -1) {
		return -1;
	}
	journal_sum(sample, len, sum);
	return 0;
}

int
journal_landmarks(const struct rewrite *r, uint8_t head[SUM], uint8_t tail[SUM])
{
	return landmark(r, 0, r->header.start, head) == -1 ||
	               landmark(r, r->header.new_size, r->header.size, tail) ==
	                   -1
	           ? -1
	           : 0;
}

void
journal_plan_sum(const struct rewrite *r, uint8_t sum[SUM])
{
	uint8_t digest[CRYPTO_SHA256];
	struct crypto_hash h;

	crypto_hash_begin(&h);
	crypto_hash_add(&h, r->ranges, r->header.count * sizeof(*r->ranges));
	crypto_hash_add(&h, r->text, r->header.text_len);
	crypto_hash_result(&h, digest);
	memcpy(sum, digest, SUM);
}

/* Writes header and plan to the journal file, durably. */
int
journal_write_plan(struct rewrite *r)
{
	struct journal_header *h = &r->header;
	size_t ranges = h->count * sizeof(*r->ranges);

	/* Octets that are moved from now on may have been appended unsynced. */
	if (fdatasync(r->mailbox) == -1) {
		errno = EIO; /* whatever the reason: not one to go on */
		return -1;
	}
	journal_plan_sum(r, h->plan);
	if (journal_landmarks(r, h->head, h->tail) == -1) {
		return -1;
	}
	journal_sum(h, offsetof(struct journal_header, sum), h->sum);
	if (file_write(r->journal, r->ranges, ranges, PLAN) == -1 ||
	    file_write(
		r->journal, r->text, h->text_len, PLAN + (off_t)ranges) == -1 ||
	    file_write(r->journal, h, sizeof(*h), 0) == -1) {
		return -1;
	}
	return fsync(r->journal);
}

/* A new file.  0, or -1 with errno, and then there is none. */
static int
open_file(struct rewrite *r, const char *name)
{
	r->journal = owned_open(r->directory, name, O_RDWR | O_CREAT | O_EXCL);
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
		close(r->journal);
		r->journal = -1;
		errno = rc;
		return -1;
	}
	return 0;
}

int
journal_open_new(struct rewrite *r, const char *name)
{
	unlinkat(r->directory, "journal.new", 0);
	int result = open_file(r, name);
	return result == -1 && (errno == ENOSPC || errno == EDQUOT)
	           ? journal_take_spare(r, name)
	           : result;
}

/* ---- the rewrite ---- */

/* The batch before is in the mailbox for good: only the newest is replayed. */
static int
settle(struct rewrite *r)
{
	if (r->unsettled && fdatasync(r->mailbox) == -1) {
		return -1;
	}
	r->unsettled = false;
	return 0;
}

/*
 * Brings the batch at the position into the mailbox.  The disk works on what
 * was written while this one reads and sums up the next.
 */
static int
run_batch(struct rewrite *r)
{
	uint64_t left = journal_total(r) - r->position;
	size_t len =
	    left < r->header.batch ? (size_t)left : (size_t)r->header.batch;
	uint64_t target = r->header.start + r->position, source;
	uint8_t sum[SUM];

	if (journal_stream(r, r->position, len, &source) == -1) {
		return -1;
	}
	bool apart = source >= target + len;
	off_t area = journal_area(r, r->serial);
	if (!apart && file_write(r->journal, r->buffer, len, area) == -1) {
		return -1;
	}
	file_start(r->journal, len, area);
	journal_sum(r->buffer, len, sum);
	if (settle(r) == -1 ||
	    journal_write_slot(r, apart ? KIND_NO_DATA : KIND_DATA, len, sum) ==
		-1) {
		return -1;
	}
	/* Commit point: from here on this batch will reach the mailbox. */
	r->unsettled = true;
	if (fdatasync(r->journal) == -1) {
		return -1;
	}
	r->begun = true;
	if (file_write(r->mailbox, r->buffer, len, (off_t)target) == -1) {
		return -1;
	}
	file_start(r->mailbox, len, (off_t)target);
	r->position += len;
	r->serial++;
	r->touch(r->context);
	return 0;
}

int
journal_cut(struct rewrite *r)
{
	r->begun = true;
	if (ftruncate(r->mailbox, (off_t)r->header.new_size) == -1 ||
	    fsync(r->mailbox) == -1) {
		return -1;
	}
	return journal_drop(r);
}

/* All batches from the position on, then the truncation. */
int
journal_run_on(struct rewrite *r)
{
	uint8_t sum[SUM];

	while (r->position < journal_total(r)) {
		if (run_batch(r) == -1) {
			return -1;
		}
	}
	if (settle(r) == -1 || journal_tail_sum(r, sum) == -1 ||
	    journal_write_slot(r, KIND_TRUNCATE, 0, sum) == -1 ||
	    fdatasync(r->journal) == -1) {
		return -1;
	}
	return journal_cut(r);
}

static int
identify(struct rewrite *r)
{
	struct stat st;

	if (fstat(r->mailbox, &st) == -1) {
		return -1;
	}
	memcpy(r->header.magic, JOURNAL_MAGIC, sizeof(r->header.magic));
	r->header.dev = (uint64_t)st.st_dev;
	r->header.ino = (uint64_t)st.st_ino;
	return 0;
}

void
journal_close(struct rewrite *r)
{
	int saved = errno;

	if (r->journal != -1) {
		close(r->journal);
	}
	free(r->buffer);
	errno = saved;
}

static int
start_run(struct rewrite *r)
{
	r->buffer = malloc((size_t)r->header.batch);
	if (r->buffer == NULL || identify(r) == -1 ||
	    journal_open_new(r, "journal") == -1) {
		return -1;
	}
	if (journal_write_plan(r) == -1 || fsync(r->directory) == -1 ||
	    journal_run_on(r) == -1) {
		int saved = errno;
		if (!r->begun) {
			journal_drop(r); /* nothing has changed */
		}
		errno = saved;
		return -1;
	}
	return 0;
}

int
journal_run(int directory, int mailbox, const struct plan *plan,
    journal_touch *touch, void *context)
{
	struct rewrite r = { .directory = directory,
		.journal = -1,
		.mailbox = mailbox,
		.ranges = plan->ranges,
		.touch = touch,
		.context = context };
	uint64_t kept = 0;

	for (size_t i = 0; i < plan->count; i++) {
		kept += plan->ranges[i].len;
	}
	r.text = (char *)(uintptr_t)plan->text;
	r.header.start = plan->start;
	r.header.size = plan->size;
	r.header.new_size = plan->start + kept;
	r.header.count = plan->count;
	r.header.text_len = plan->text_len;
	r.header.batch = journal_batch;
	int result = start_run(&r);
	journal_close(&r);
	return result;
}
