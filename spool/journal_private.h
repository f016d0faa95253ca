/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_JOURNAL_PRIVATE_H
#define RESTANTE_SPOOL_JOURNAL_PRIVATE_H

#include "spool/journal.h"

/*
 * The journal file, for journal.c and journal_recover.c: a header block; two
 * slots, each in a block of its own; the plan (ranges, text); two data areas.
 */

enum journal_layout {
	SUM = 16,
	BLOCK = 4096,
	SLOT = BLOCK, /* offset of the first slot */
	PLAN = 3 * BLOCK,
	SAMPLE = 64 * 1024, /* of the tail, to tell whether it is still there */
};

#define JOURNAL_MAGIC "RSTJRN1"

struct journal_header {
	char magic[8];
	uint64_t dev, ino;
	uint64_t start, size, new_size;
	uint64_t count, text_len;
	uint64_t batch;
	uint8_t head[SUM]; /* of the mailbox before start */
	uint8_t tail[SUM]; /* of its end, which no batch overwrites */
	uint8_t plan[SUM];
	uint8_t sum[SUM]; /* of all above */
};

enum slot_kind { KIND_DATA = 1, KIND_NO_DATA, KIND_TRUNCATE };

struct journal_slot {
	uint64_t serial;
	uint64_t kind;
	uint64_t position, len; /* in the stream */
	uint8_t data[SUM];      /* of the batch; of the tail to be cut off */
	uint8_t sum[SUM];       /* of all above */
};

/* A rewrite under way. */
struct rewrite {
	int directory, journal, mailbox;
	struct journal_header header;
	struct range *ranges;
	char *text;
	uint64_t position, serial;
	bool unsettled; /* the last batch may not be on the mailbox's disk */
	bool begun;     /* the mailbox may have been changed */
	char *buffer;
	journal_touch *touch;
	void *context;
};

/* Functions answer 0, or -1 with errno. */

/* The first octets of the SHA-256 of data. */
void journal_sum(const void *data, size_t len, uint8_t sum[SUM]);

/* The position of a batch's data area. */
off_t journal_area(const struct rewrite *, uint64_t serial);

/* The length of the stream: of all that stays after the first hole. */
uint64_t journal_total(const struct rewrite *);

/*
 * Reads len octets of the stream from position on into the buffer.  *source:
 * the first place in the mailbox that they come from; UINT64_MAX: none.
 */
int journal_stream(
    const struct rewrite *, uint64_t position, size_t len, uint64_t *source);

/* Sums up a sample of the end that will be cut off. */
int journal_tail_sum(const struct rewrite *, uint8_t sum[SUM]);

/* Sums up what no batch overwrites: the octets before start, and the end. */
int journal_landmarks(
    const struct rewrite *, uint8_t head[SUM], uint8_t tail[SUM]);

void journal_plan_sum(const struct rewrite *, uint8_t sum[SUM]);

/*
 * Makes a new file of that name, with room for what comes.  Where there is
 * none, the spare one will do, with smaller batches.
 */
int journal_open_new(struct rewrite *, const char *name);

/* The spare file takes that name: journal_spare.c. */
int journal_take_spare(struct rewrite *, const char *name);

/* Writes header and plan, durably. */
int journal_write_plan(struct rewrite *);

/* Removes the journal: there is nothing to finish. */
int journal_drop(const struct rewrite *);

/* Writes all batches from the position on, and truncates: journal.c. */
int journal_run_on(struct rewrite *);

/* The truncation alone. */
int journal_cut(struct rewrite *);

void journal_close(struct rewrite *);

#endif
