/* SPDX-License-Identifier: ISC */
/*
 * The rewrite itself.  A batch of the stream of kept bytes is committed by its
 * slot, and only then written to the mailbox.  Slots and data areas alternate,
 * so that a committed batch is never overwritten before its write to the
 * mailbox is durable.  A batch that does not overlap its own source needs no
 * copy in the journal.
 */
#include "spool/journal.h"

#include "spool/journal_file.h"

#include "spool/fileio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Octets of a batch; tests make it small. */
size_t journal_batch = 8 * 1024 * 1024;

/* The batch before is in the mailbox for good: only the newest is replayed. */
static int
settle(struct run *r)
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
run_batch(struct run *r)
{
	uint64_t left = journal_total(r) - r->position;
	size_t len =
	    left < r->header.batch ? (size_t)left : (size_t)r->header.batch;
	uint64_t target = r->header.start + r->position, source;
	uint8_t sum[SUM];
	bool text;

	if (journal_stream(r, r->position, len, &source, &text) == -1) {
		return -1;
	}
	bool apart = !text && source >= target + len;
	off_t area = journal_area(r, r->serial);
	if (!apart && file_write(r->journal, r->buffer, len, area) == -1) {
		return -1;
	}
	file_start(r->journal, len, area);
	if (journal_sum(r->buffer, len, sum) == -1 || settle(r) == -1 ||
	    journal_write_slot(r, apart ? KIND_NO_DATA : KIND_DATA, len, sum) ==
		-1) {
		return -1;
	}
	/* Commit point: from here on this batch will reach the mailbox. */
	r->unsettled = true;
	if (fdatasync(r->journal) == -1 ||
	    file_write(r->mailbox, r->buffer, len, (off_t)target) == -1) {
		return -1;
	}
	file_start(r->mailbox, len, (off_t)target);
	r->position += len;
	r->serial++;
	r->touch(r->context);
	return 0;
}

int
journal_cut(struct run *r)
{
	if (ftruncate(r->mailbox, (off_t)r->header.new_size) == -1 ||
	    fsync(r->mailbox) == -1) {
		return -1;
	}
	return journal_drop(r);
}

/* All batches from the position on, then the truncation. */
int
journal_run_on(struct run *r)
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
identify(struct run *r)
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
journal_close(struct run *r)
{
	int saved = errno;

	if (r->journal != -1) {
		close(r->journal);
	}
	free(r->buffer);
	errno = saved;
}

static int
start_run(struct run *r)
{
	r->buffer = malloc((size_t)r->header.batch);
	if (r->buffer == NULL || identify(r) == -1 ||
	    journal_open_new(r, "journal") == -1) {
		return -1;
	}
	if (journal_write_plan(r) == -1 || fsync(r->directory) == -1) {
		int saved = errno;
		journal_drop(r); /* nothing has changed */
		errno = saved;
		return -1;
	}
	return journal_run_on(r);
}

int
journal_run(int directory, int mailbox, const struct plan *plan,
    journal_touch *touch, void *context)
{
	struct run r = { .directory = directory,
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
