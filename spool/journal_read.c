/* SPDX-License-Identifier: ISC */
/* Reads a journal file, and believes no part of it without its sum. */
#include "spool/journal_file.h"

#include "common/log/log.h"
#include "spool/fileio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int
journal_read_plan(struct run *r)
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
	    journal_sum(h, offsetof(struct header, sum), sum) == -1) {
		return -1;
	}
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
		PLAN + (off_t)ranges) == -1 ||
	    journal_plan_sum(r, sum) == -1) {
		return -1;
	}
	return memcmp(sum, h->plan, SUM) == 0;
}

int
journal_load_batch(const struct run *r, const struct slot *s)
{
	off_t at = journal_area(r, s->serial);
	uint8_t sum[SUM];
	uint64_t source;
	struct stat st;
	bool text;

	if (s->len > r->header.batch ||
	    s->position + s->len > journal_total(r)) {
		return 0;
	}
	if (s->kind == KIND_NO_DATA) {
		if (journal_stream(
			r, s->position, (size_t)s->len, &source, &text) == -1) {
			return -1;
		}
	} else if (fstat(r->journal, &st) == -1) {
		return -1;
	} else if (st.st_size < at + (off_t)s->len) {
		return 0;
	} else if (file_read(r->journal, r->buffer, (size_t)s->len, at) == -1) {
		return -1;
	}
	if (journal_sum(r->buffer, (size_t)s->len, sum) == -1) {
		return -1;
	}
	return memcmp(sum, s->data, SUM) == 0;
}

int
journal_read_slots(const struct run *r, struct slot slots[2])
{
	uint8_t sum[SUM];
	struct slot s;
	int n = 0;

	for (int i = 0; i < 2; i++) {
		if (file_read(r->journal, &s, sizeof(s), SLOT + i * BLOCK) ==
			-1 ||
		    journal_sum(&s, offsetof(struct slot, sum), sum) == -1) {
			return -1;
		}
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
