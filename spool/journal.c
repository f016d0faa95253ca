/* SPDX-License-Identifier: ISC */
/*
 * Layout of the file "journal": a header block; two slots, each in a block of
 * its own; the plan (ranges, text); two data areas.  A batch of the stream of
 * kept bytes is committed by its slot, and only then written to the mailbox.
 * Slots and areas alternate, so that a committed batch is never overwritten
 * before its write to the mailbox is durable.  A batch that does not overlap
 * its own source needs no copy in the journal.
 */
#include "spool/journal.h"

#include "common/crypto.h"
#include "common/log.h"
#include "spool/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	SUM = 16,
	BLOCK = 4096,
	SLOT = BLOCK, /* offset of the first slot */
	PLAN = 3 * BLOCK,
	SAMPLE = 64 * 1024, /* of the tail, to tell whether it is still there */
};

/* Octets of a batch; tests make it small. */
size_t journal_batch = 8 * 1024 * 1024;

static const char magic[8] = "RSTJRN1";

struct header {
	char magic[8];
	uint64_t dev, ino;
	uint64_t start, size, new_size;
	uint64_t count, text_len;
	uint64_t batch;
	uint8_t head[SUM]; /* of the mailbox in front of start */
	uint8_t tail[SUM]; /* of its end, which no batch overwrites */
	uint8_t plan[SUM];
	uint8_t sum[SUM]; /* of all above */
};

enum kind { KIND_DATA = 1, KIND_NO_DATA, KIND_TRUNCATE };

struct slot {
	uint64_t serial;
	uint64_t kind;
	uint64_t position, len; /* in the stream */
	uint8_t data[SUM];      /* of the batch; of the tail to be cut off */
	uint8_t sum[SUM];       /* of all above */
};

/* A rewrite under way. */
struct run {
	int directory, journal, mailbox;
	struct header header;
	struct range *ranges;
	char *text;
	uint64_t position, serial;
	char *buffer;
	journal_touch *touch;
	void *context;
};

static int
sum_of(const void *data, size_t len, uint8_t sum[SUM])
{
	uint8_t digest[CRYPTO_SHA256];

	if (crypto_sha256(data, len, digest) == -1) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(sum, digest, SUM);
	return 0;
}

static off_t
area(const struct run *r, uint64_t serial)
{
	uint64_t plan =
	    r->header.count * sizeof(struct range) + r->header.text_len;
	uint64_t first = (PLAN + plan + BLOCK - 1) / BLOCK * BLOCK;

	return (off_t)(first + serial % 2 * r->header.batch);
}

/* ---- the stream of kept bytes ---- */

static uint64_t
total(const struct run *r)
{
	return r->header.new_size - r->header.start;
}

/*
 * Reads len bytes of the stream from position on.  *source: where the first
 * of them that comes from the mailbox lies there, or UINT64_MAX; *text:
 * whether some come from the text.
 */
static int
read_stream(const struct run *r, uint64_t position, size_t len,
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

/* ---- steps ---- */

static int
write_slot(struct run *r, enum kind kind, uint64_t len, const uint8_t data[SUM])
{
	struct slot s = { .serial = r->serial,
		.kind = kind,
		.position = r->position,
		.len = len };

	memcpy(s.data, data, SUM);
	if (sum_of(&s, offsetof(struct slot, sum), s.sum) == -1) {
		return -1;
	}
	return file_write(
	    r->journal, &s, sizeof(s), SLOT + (off_t)(r->serial % 2) * BLOCK);
}

/* Brings the batch at the position into the mailbox. */
static int
run_batch(struct run *r)
{
	uint64_t left = total(r) - r->position;
	size_t len =
	    left < r->header.batch ? (size_t)left : (size_t)r->header.batch;
	uint64_t target = r->header.start + r->position, source;
	uint8_t sum[SUM];
	bool text;

	if (read_stream(r, r->position, len, &source, &text) == -1 ||
	    sum_of(r->buffer, len, sum) == -1) {
		return -1;
	}
	bool apart = !text && source >= target + len;
	if (!apart &&
	    file_write(r->journal, r->buffer, len, area(r, r->serial)) == -1) {
		return -1;
	}
	if (write_slot(r, apart ? KIND_NO_DATA : KIND_DATA, len, sum) == -1) {
		return -1;
	}
	/* Commit point: from here on this batch will reach the mailbox. */
	if (fdatasync(r->journal) == -1 ||
	    file_write(r->mailbox, r->buffer, len, (off_t)target) == -1 ||
	    fdatasync(r->mailbox) == -1) {
		return -1;
	}
	r->position += len;
	r->serial++;
	r->touch(r->context);
	return 0;
}

/* The sum of a sample of [new_size, size). */
static int
tail_sum(const struct run *r, uint8_t sum[SUM])
{
	uint64_t from = r->header.new_size, to = r->header.size;
	size_t half = to - from < SAMPLE ? (size_t)(to - from) : SAMPLE;
	char *sample = malloc(2 * SAMPLE);
	int result = -1;

	if (sample != NULL &&
	    file_read(r->mailbox, sample, half, (off_t)from) == 0 &&
	    file_read(r->mailbox, sample + half, half, (off_t)(to - half)) ==
		0) {
		result = sum_of(sample, 2 * half, sum);
	}
	int saved = errno;
	free(sample);
	errno = saved;
	return result;
}

static int
drop(const struct run *r)
{
	return unlinkat(r->directory, "journal", 0);
}

static int
cut(struct run *r)
{
	if (ftruncate(r->mailbox, (off_t)r->header.new_size) == -1 ||
	    fsync(r->mailbox) == -1) {
		return -1;
	}
	return drop(r);
}

/* All batches from the position on, then the truncation. */
static int
run_on(struct run *r)
{
	uint8_t sum[SUM];

	while (r->position < total(r)) {
		if (run_batch(r) == -1) {
			return -1;
		}
	}
	if (tail_sum(r, sum) == -1 ||
	    write_slot(r, KIND_TRUNCATE, 0, sum) == -1 ||
	    fdatasync(r->journal) == -1) {
		return -1;
	}
	return cut(r);
}

/* ---- starting ---- */

/* Sums of what stays as it is: the head, and the end that is cut off. */
static int
landmark(const struct run *r, uint64_t from, uint64_t to, uint8_t sum[SUM])
{
	char sample[BLOCK];
	size_t len = to - from < BLOCK ? (size_t)(to - from) : BLOCK;

	if (file_read(r->mailbox, sample, len, (off_t)(to - len)) == -1) {
		return -1;
	}
	return sum_of(sample, len, sum);
}

static int
landmarks(const struct run *r, uint8_t head[SUM], uint8_t tail[SUM])
{
	return landmark(r, 0, r->header.start, head) == -1 ||
	               landmark(r, r->header.new_size, r->header.size, tail) ==
	                   -1
	           ? -1
	           : 0;
}

static int
plan_sum(const struct run *r, uint8_t sum[SUM])
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
static int
write_plan(struct run *r)
{
	struct header *h = &r->header;
	size_t ranges = h->count * sizeof(*r->ranges);

	if (landmarks(r, h->head, h->tail) == -1 ||
	    plan_sum(r, h->plan) == -1 ||
	    sum_of(h, offsetof(struct header, sum), h->sum) == -1 ||
	    file_write(r->journal, r->ranges, ranges, PLAN) == -1 ||
	    file_write(
		r->journal, r->text, h->text_len, PLAN + (off_t)ranges) == -1 ||
	    file_write(r->journal, h, sizeof(*h), 0) == -1) {
		return -1;
	}
	return fsync(r->journal);
}

static int
open_new(struct run *r, const char *name)
{
	unlinkat(r->directory, "journal.new", 0);
	r->journal = openat(r->directory, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->journal == -1) {
		return -1;
	}
	/* The room for two batches now, not in the middle of the work. */
	uint64_t left = total(r);
	uint64_t room = left < 2 * r->header.batch ? left : 2 * r->header.batch;
	int rc = posix_fallocate(r->journal, 0, area(r, 0) + (off_t)room);
	if (rc != 0 && rc != EOPNOTSUPP && rc != EINVAL) {
		errno = rc;
		return -1;
	}
	return 0;
}

static int
identify(struct run *r)
{
	struct stat st;

	if (fstat(r->mailbox, &st) == -1) {
		return -1;
	}
	memcpy(r->header.magic, magic, sizeof(magic));
	r->header.dev = (uint64_t)st.st_dev;
	r->header.ino = (uint64_t)st.st_ino;
	return 0;
}

static void
close_run(struct run *r)
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
	    open_new(r, "journal") == -1) {
		return -1;
	}
	if (write_plan(r) == -1 || fsync(r->directory) == -1) {
		int saved = errno;
		drop(r); /* nothing has changed */
		errno = saved;
		return -1;
	}
	return run_on(r);
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
	close_run(&r);
	return result;
}

/* ---- recovery ---- */

bool
journal_exists(int directory)
{
	return faccessat(directory, "journal", F_OK, 0) == 0 || errno != ENOENT;
}

/* Reads and checks header and plan.  1: good; 0: not; -1: errno. */
static int
read_plan(struct run *r)
{
	struct header *h = &r->header;
	uint8_t sum[SUM];
	struct stat st;

	if (fstat(r->journal, &st) == -1) {
		return -1;
	}
	if (st.st_size < PLAN) {
		return 0;
	}
	if (file_read(r->journal, h, sizeof(*h), 0) == -1 ||
	    sum_of(h, offsetof(struct header, sum), sum) == -1) {
		return -1;
	}
	uint64_t most = (uint64_t)st.st_size;
	if (memcmp(sum, h->sum, SUM) != 0 ||
	    memcmp(h->magic, magic, sizeof(magic)) != 0 ||
	    h->count > most / sizeof(*r->ranges) || h->text_len > most ||
	    h->batch == 0 || h->batch > 1U << 30) {
		return 0;
	}
	size_t ranges = (size_t)h->count * sizeof(*r->ranges);
	r->ranges = malloc(ranges + 1);
	r->text = malloc((size_t)h->text_len + 1);
	r->buffer = malloc((size_t)h->batch);
	if (r->ranges == NULL || r->text == NULL || r->buffer == NULL ||
	    file_read(r->journal, r->ranges, ranges, PLAN) == -1 ||
	    file_read(r->journal, r->text, (size_t)h->text_len,
		PLAN + (off_t)ranges) == -1 ||
	    plan_sum(r, sum) == -1) {
		return errno == EIO ? 0 : -1;
	}
	return memcmp(sum, h->plan, SUM) == 0;
}

/* Whether the batch of a slot can be had, and puts it into the buffer. */
static bool
load_batch(const struct run *r, const struct slot *s)
{
	uint8_t sum[SUM];
	uint64_t source;
	bool text;

	if (s->len > r->header.batch || s->position + s->len > total(r)) {
		return false;
	}
	int got =
	    s->kind == KIND_NO_DATA
		? read_stream(r, s->position, (size_t)s->len, &source, &text)
		: file_read(r->journal, r->buffer, (size_t)s->len,
		      area(r, s->serial));
	return got == 0 && sum_of(r->buffer, (size_t)s->len, sum) == 0 &&
	       memcmp(sum, s->data, SUM) == 0;
}

/* The last slot that was committed whole; false: none. */
static bool
last_slot(const struct run *r, struct slot *best)
{
	bool found = false;
	uint8_t sum[SUM];
	struct slot s;

	for (int i = 0; i < 2; i++) {
		if (file_read(r->journal, &s, sizeof(s), SLOT + i * BLOCK) ==
			-1 ||
		    sum_of(&s, offsetof(struct slot, sum), sum) == -1 ||
		    memcmp(sum, s.sum, SUM) != 0 ||
		    (found && s.serial < best->serial)) {
			continue;
		}
		if (s.kind == KIND_TRUNCATE || load_batch(r, &s)) {
			*best = s;
			found = true;
		}
	}
	return found;
}

/*
 * Another program has appended since: what it wrote is one more range.  The
 * new plan takes the old one's place in one rename, with nothing done yet.
 */
static int
extend(struct run *r, uint64_t size)
{
	struct range *ranges = calloc(r->header.count + 1, sizeof(*r->ranges));
	uint64_t skip = r->position;
	size_t n = 0;

	if (ranges == NULL) {
		return -1;
	}
	for (size_t i = 0; i < r->header.count; i++) {
		struct range range = r->ranges[i];
		uint64_t gone = skip < range.len ? skip : range.len;
		skip -= gone;
		range.from += gone;
		range.len -= gone;
		if (range.len > 0) {
			ranges[n++] = range;
		}
	}
	ranges[n++] = (struct range){ .from = r->header.size,
		.len = size - r->header.size };
	free(r->ranges);
	r->ranges = ranges;
	r->header.start += r->position;
	r->header.count = n;
	r->header.new_size += size - r->header.size;
	r->header.size = size;
	r->position = r->serial = 0;
	close(r->journal);
	if (open_new(r, "journal.new") == -1 || write_plan(r) == -1 ||
	    renameat(r->directory, "journal.new", r->directory, "journal") ==
		-1 ||
	    fsync(r->directory) == -1) {
		return -1;
	}
	return run_on(r);
}

/* The truncation was decided on: done already, or not yet? */
static int
finish_cut(struct run *r, const struct slot *s, uint64_t size)
{
	uint8_t sum[SUM];

	if (size < r->header.size) {
		return drop(r);
	}
	if (tail_sum(r, sum) == -1) {
		return -1;
	}
	if (memcmp(sum, s->data, SUM) != 0) {
		return drop(r); /* cut, and grown again since */
	}
	r->position = total(r);
	return size == r->header.size ? cut(r) : extend(r, size);
}

static int
set_aside(const struct run *r, const char *why)
{
	char name[64];

	snprintf(
	    name, sizeof(name), "journal.lost.%lld", (long long)time(NULL));
	log_error("a mailbox was rewritten by another program before an "
		  "interrupted deletion could be finished (%s): its journal "
		  "is set aside as %s; messages may be there twice or damaged",
	    why, name);
	return renameat(r->directory, "journal", r->directory, name);
}

/* Why the journal does not fit the mailbox, or NULL; errno for trouble. */
static const char *
misfit(const struct run *r, const struct stat *st, bool cut_decided)
{
	uint8_t head[SUM], tail[SUM];

	if ((uint64_t)st->st_dev != r->header.dev ||
	    (uint64_t)st->st_ino != r->header.ino) {
		return "another file";
	}
	if (cut_decided) {
		return NULL;
	}
	if ((uint64_t)st->st_size < r->header.size) {
		return "shorter";
	}
	if (landmarks(r, head, tail) == -1 ||
	    memcmp(head, r->header.head, SUM) != 0 ||
	    memcmp(tail, r->header.tail, SUM) != 0) {
		return "other content";
	}
	return NULL;
}

static int
recover(struct run *r)
{
	struct slot s = { .kind = 0 };
	struct stat st;

	int good = read_plan(r);
	if (good <= 0) {
		/* Never committed: the mailbox is as it was. */
		return good == 0 ? drop(r) : -1;
	}
	bool any = last_slot(r, &s);
	if (fstat(r->mailbox, &st) == -1) {
		return -1;
	}
	const char *why = misfit(r, &st, any && s.kind == KIND_TRUNCATE);
	if (why != NULL) {
		return set_aside(r, why);
	}
	uint64_t size = (uint64_t)st.st_size;
	if (any && s.kind == KIND_TRUNCATE) {
		return finish_cut(r, &s, size);
	}
	if (any) {
		/* Writing it again changes nothing if it had been written. */
		if (!load_batch(r, &s) ||
		    file_write(r->mailbox, r->buffer, (size_t)s.len,
			(off_t)(r->header.start + s.position)) == -1 ||
		    fdatasync(r->mailbox) == -1) {
			return -1;
		}
		r->position = s.position + s.len;
		r->serial = s.serial + 1;
	}
	return size > r->header.size ? extend(r, size) : run_on(r);
}

int
journal_recover(int directory, int mailbox, journal_touch *touch, void *context)
{
	struct run r = { .directory = directory,
		.mailbox = mailbox,
		.touch = touch,
		.context = context };

	r.journal =
	    openat(directory, "journal", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (r.journal == -1) {
		return errno == ENOENT ? 0 : -1;
	}
	int result = recover(&r);
	int saved = errno;
	free(r.ranges);
	free(r.text);
	errno = saved;
	close_run(&r);
	return result;
}
