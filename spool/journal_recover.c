/* SPDX-License-Identifier: ISC */
/* Finishes what the journal of an interrupted rewrite says. */
#include "spool/journal_private.h"

#include "common/log/log.h"
#include "common/io/file.h"
#include "common/io/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOST_NAME = 64 };

bool
journal_exists(int directory)
{
	return faccessat(directory, "journal", F_OK, AT_SYMLINK_NOFOLLOW) ==
	           0 ||
	       errno != ENOENT;
}

/* ---- reading: no part is believed without its sum ---- */

/* Reads and checks header and plan.  1: good; 0: never committed; -1: errno. */
static int
read_plan(struct rewrite *r)
{
	struct journal_header *h = &r->header;
	uint8_t sum[SUM];
	struct stat st;

	if (fstat(r->journal, &st) == -1) {
		return -1;
	}
	if (st.st_size < PLAN) {
		return 0;
	}
	if (file_read(r->journal, h, sizeof(*h), 0) == -1) {
		return -1;
	}
	journal_sum(h, offsetof(struct journal_header, sum), sum);
	uint64_t most = (uint64_t)st.st_size;
	if (memcmp(sum, h->sum, SUM) != 0) {
		return 0;
	}
	if (memcmp(h->magic, JOURNAL_MAGIC, sizeof(h->magic)) != 0) {
		log_error("a journal was left by another version: finish it "
			  "with that one's pop3d --recover");
		errno = EPROTO;
		return -1;
	}
	if (h->count > most / sizeof(*r->ranges) || h->text_len > most ||
	    h->batch == 0 || h->batch > 1U << 30) {
		return 0;
	}
	size_t ranges = (size_t)h->count * sizeof(*r->ranges);
	if (PLAN + ranges + h->text_len > most) {
		return 0;
	}
	r->ranges = malloc(ranges + 1);
	r->text = malloc((size_t)h->text_len + 1);
	r->buffer = malloc((size_t)h->batch);
	if (r->ranges == NULL || r->text == NULL || r->buffer == NULL ||
	    file_read(r->journal, r->ranges, ranges, PLAN) == -1 ||
	    file_read(r->journal, r->text, (size_t)h->text_len,
		PLAN + (off_t)ranges) == -1) {
		return -1;
	}
	journal_plan_sum(r, sum);
	return memcmp(sum, h->plan, SUM) == 0;
}

/*
 * Reads the batch of a slot into the buffer.  1: done; 0: the data is not
 * what the slot says; -1: errno.
 */
static int
load_batch(const struct rewrite *r, const struct journal_slot *s)
{
	off_t at = journal_area(r, s->serial);
	uint8_t sum[SUM];
	uint64_t source;
	struct stat st;

	if (s->len > r->header.batch ||
	    s->position + s->len > journal_total(r)) {
		return 0;
	}
	if (s->kind == KIND_NO_DATA) {
		if (journal_stream(r, s->position, (size_t)s->len, &source) ==
		    -1) {
			return -1;
		}
	} else if (fstat(r->journal, &st) == -1) {
		return -1;
	} else if (st.st_size < at + (off_t)s->len) {
		return 0;
	} else if (file_read(r->journal, r->buffer, (size_t)s->len, at) == -1) {
		return -1;
	}
	journal_sum(r->buffer, (size_t)s->len, sum);
	return memcmp(sum, s->data, SUM) == 0;
}

/*
 * Reads the slots that were written whole, the newest first.  How many, or -1.
 */
static int
read_slots(const struct rewrite *r, struct journal_slot slots[2])
{
	uint8_t sum[SUM];
	struct journal_slot s;
	int n = 0;

	for (int i = 0; i < 2; i++) {
		if (file_read(r->journal, &s, sizeof(s), SLOT + i * BLOCK) ==
		    -1) {
			return -1;
		}
		journal_sum(&s, offsetof(struct journal_slot, sum), sum);
		if (memcmp(sum, s.sum, SUM) != 0) {
			continue;
		}
		if (n == 1 && s.serial > slots[0].serial) {
			slots[1] = slots[0];
			slots[0] = s;
		} else {
			slots[n] = s;
		}
		n++;
	}
	return n;
}

bool
journal_is_committed(int directory)
{
	struct rewrite r = { .directory = directory };

	r.journal = owned_open(directory, "journal", O_RDWR);
	if (r.journal == -1) {
		return errno != ENOENT && errno != EPERM;
	}
	int good = read_plan(&r);
	free(r.ranges);
	free(r.text);
	journal_close(&r);
	return good != 0;
}

/* ---- finishing ---- */

/*
 * Finds the last batch that was committed, and reads it.  1: slots[0] becomes
 * its slot; 0: none was; -1: errno, ESTALE if neither can be.
 */
static int
last_batch(const struct rewrite *r, struct journal_slot slots[2], int n)
{
	for (int i = 0; i < n; i++) {
		int got = load_batch(r, &slots[i]);
		if (got != 0) {
			slots[0] = slots[i];
			return got;
		}
		if (slots[i].kind == KIND_NO_DATA) {
			break; /* nobody of ours has written on its source */
		}
		if (slots[i].serial == 0) {
			return 0;
		}
	}
	if (n == 0) {
		return 0;
	}
	errno = ESTALE;
	return -1;
}

/*
 * Writes a slot again, with its batch.  After a kill, or a failed sync, what
 * can be read here need not be on the disk.
 */
static int
commit_again(const struct rewrite *r, const struct journal_slot *s)
{
	if (s->kind == KIND_DATA &&
	    file_write(r->journal, r->buffer, (size_t)s->len,
		journal_area(r, s->serial)) == -1) {
		return -1;
	}
	if (file_write(r->journal, s, sizeof(*s),
		SLOT + (off_t)(s->serial % 2) * BLOCK) == -1) {
		return -1;
	}
	return fdatasync(r->journal);
}

/*
 * Another program has appended since: what it wrote is one more range.  The
 * new plan takes the old one's place in one rename, with nothing done yet.
 */
static int
extend(struct rewrite *r, uint64_t size)
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
	if (journal_open_new(r, "journal.new") == -1 ||
	    journal_write_plan(r) == -1 ||
	    renameat(r->directory, "journal.new", r->directory, "journal") ==
		-1 ||
	    fsync(r->directory) == -1) {
		return -1;
	}
	return journal_run_on(r);
}

/*
 * 1 if the end that will be cut off is still there, 0 or -1.  A truncation
 * zeroes the rest of its last block, and that can be on the disk when the new
 * length is not; no program appends a NUL first.
 */
static int
is_uncut(const struct rewrite *r, const struct journal_slot *s)
{
	uint64_t from = r->header.new_size;
	uint8_t sum[SUM];
	char first = '\n';

	if ((from < r->header.size &&
		file_read(r->mailbox, &first, 1, (off_t)from) == -1) ||
	    journal_tail_sum(r, sum) == -1) {
		return -1;
	}
	return first == '\0' || memcmp(sum, s->data, SUM) == 0;
}

/* Makes the name that a journal is moved to. */
static void
lost_name(char name[LOST_NAME])
{
	snprintf(name, LOST_NAME, "journal.lost.%lld", (long long)time(NULL));
}

static int
set_aside(const struct rewrite *r, const char *why)
{
	char name[LOST_NAME];

	lost_name(name);
	log_error("a mailbox was rewritten by another program before an "
		  "interrupted deletion could be finished (%s): its journal "
		  "is set aside as %s; messages may be there twice or damaged",
	    why, name);
	if (renameat(r->directory, "journal", r->directory, name) == -1) {
		return -1;
	}
	return fsync(r->directory);
}

/*
 * Compares journal and mailbox: 1: they fit; 0: *why not; -1 with errno.
 * The number of the device may be another one after a reboot.
 */
static int
fits(const struct rewrite *r, const struct stat *st, bool cut_decided,
    const char **why)
{
	uint8_t head[SUM], tail[SUM];

	*why = "another file";
	if ((uint64_t)st->st_ino != r->header.ino) {
		return 0;
	}
	if (cut_decided) {
		return 1;
	}
	*why = "shorter";
	if ((uint64_t)st->st_size < r->header.size) {
		return 0;
	}
	*why = "other content";
	if (journal_landmarks(r, head, tail) == -1) {
		return -1;
	}
	return memcmp(head, r->header.head, SUM) == 0 &&
	       memcmp(tail, r->header.tail, SUM) == 0;
}

/*
 * 1 if the mailbox lacks the batch before the last one, because it was restored
 * from a backup into the same file; 0, or -1 with errno.
 */
static int
is_restored(const struct rewrite *r, const struct journal_slot slots[2])
{
	const struct journal_slot *before = &slots[1];
	uint8_t sum[SUM];

	if (before->kind == KIND_TRUNCATE ||
	    before->serial + 1 != slots[0].serial ||
	    before->len > r->header.batch ||
	    before->position + before->len != slots[0].position) {
		return 0;
	}
	char *there = malloc((size_t)before->len + 1);
	int result = -1;
	if (there != NULL &&
	    file_read(r->mailbox, there, (size_t)before->len,
		(off_t)(r->header.start + before->position)) == 0) {
		journal_sum(there, (size_t)before->len, sum);
		result = memcmp(sum, before->data, SUM) != 0;
	}
	free(there);
	return result;
}

/* The truncation was decided on: done already, or not yet? */
static int
finish_cut(
    struct rewrite *r, const struct journal_slot slots[2], int n, uint64_t size)
{
	int uncut = size < r->header.size ? 0 : is_uncut(r, &slots[0]);

	if (uncut == -1) {
		return -1;
	}
	if (uncut == 0) {
		/* Cut, perhaps not durably, and perhaps grown since. */
		return fsync(r->mailbox) == -1 ? -1 : journal_drop(r);
	}
	int older = n == 2 ? is_restored(r, slots) : 0;
	if (older != 0) {
		return older == 1 ? set_aside(r, "restored") : -1;
	}
	if (commit_again(r, &slots[0]) == -1) {
		return -1;
	}
	r->position = journal_total(r);
	return size == r->header.size ? journal_cut(r) : extend(r, size);
}

/* Goes on after the last batch that was committed. */
static int
go_on(struct rewrite *r, struct journal_slot slots[2], int n, uint64_t size)
{
	/* Whatever became of the last batch: the one before was durable. */
	int older = n == 2 ? is_restored(r, slots) : 0;

	if (older != 0) {
		return older == 1 ? set_aside(r, "restored") : -1;
	}
	int any = last_batch(r, slots, n);
	if (any == -1) {
		return errno == ESTALE ? set_aside(r, "other content") : -1;
	}
	if (any == 1) {
		const struct journal_slot *s = &slots[0];
		/* Writing it again changes nothing if it had been written. */
		if (commit_again(r, s) == -1 ||
		    file_write(r->mailbox, r->buffer, (size_t)s->len,
			(off_t)(r->header.start + s->position)) == -1 ||
		    fdatasync(r->mailbox) == -1) {
			return -1;
		}
		r->position = s->position + s->len;
		r->serial = s->serial + 1;
	}
	return size > r->header.size ? extend(r, size) : journal_run_on(r);
}

static int
recover(struct rewrite *r)
{
	struct journal_slot slots[2];
	const char *why;
	struct stat st;

	int good = read_plan(r);
	if (good <= 0) {
		/* Never committed: the mailbox is as it was. */
		return good == 0 ? journal_drop(r) : -1;
	}
	/* After a kill the journal's name need not be on the disk yet. */
	int n = read_slots(r, slots);
	if (n == -1 || fstat(r->mailbox, &st) == -1 ||
	    fsync(r->directory) == -1) {
		return -1;
	}
	bool cut = n > 0 && slots[0].kind == KIND_TRUNCATE;
	int fit = fits(r, &st, cut, &why);
	if (fit <= 0) {
		return fit == 0 ? set_aside(r, why) : -1;
	}
	uint64_t size = (uint64_t)st.st_size;
	return cut ? finish_cut(r, slots, n, size) : go_on(r, slots, n, size);
}

/*
 * The name belongs to something else: a link, a FIFO, a folder.  No journal is
 * ever such a thing, so the mail need not wait for anybody to clear it away.  A
 * file of another owner, or one with a second name, may be a journal.
 */
static int
clear_away(int directory)
{
	char name[LOST_NAME];

	if (owned_look(directory, "journal") != OWNED_NO_FILE) {
		errno = EPERM;
		return -1;
	}
	lost_name(name);
	log_warn("what is called journal in a user's directory is not a "
		 "regular file: it is set aside as %s",
	    name);
	return renameat2(
	    directory, "journal", directory, name, RENAME_NOREPLACE);
}

int
journal_recover(int directory, int mailbox, journal_touch *touch, void *context)
{
	struct rewrite r = { .directory = directory,
		.mailbox = mailbox,
		.touch = touch,
		.context = context };

	r.journal = owned_open(directory, "journal", O_RDWR);
	if (r.journal == -1) {
		return errno == ENOENT  ? 0
		       : errno == EPERM ? clear_away(directory)
		                        : -1;
	}
	int result = recover(&r);
	int saved = errno;
	free(r.ranges);
	free(r.text);
	errno = saved;
	journal_close(&r);
	return result;
}
