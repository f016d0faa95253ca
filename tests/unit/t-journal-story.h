/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_JOURNAL_STORY_H
#define RESTANTE_TESTS_UNIT_T_JOURNAL_STORY_H

#include "spool/journal.h"
#include "tests/unit/t-journal-disk.h"
#include "tests/unit/t-scratch.h"

/* A mailbox, a plan for it, and what must come out. */
struct story {
	uint64_t seed;
	enum disk_fate fate;
	unsigned step;  /* of the fate */
	unsigned steps; /* of a run without misfortune, about */
	size_t batches;

	struct bytes old, new;
	struct bytes text, ranges;
	struct plan plan;

	/* What others did. */
	struct bytes app;   /* appended */
	char appends;       /* of three characters; a tail is known by them */
	size_t soft;        /* the last so many octets of it without a sync */
	size_t old_soft;    /* the same for the old mailbox */
	struct bytes other; /* what a program put in its place */
	bool all_moves;     /* no kept octet stays where it is */
	bool may_rewrite;   /* it would be noticed */
	bool may_restore;   /* the same: slots are whole */
	bool rewritten, marked, restored;
	bool done; /* there is no way back */
};

/* The story of a seed, on a new disk; chance: for what happens in it. */
struct story *story_begin(uint64_t seed, uint64_t chance);

/* Another plan, for what the mailbox is now, on the disk as it is. */
void story_continue(struct story *);

enum verdict { VERDICT_BAD, VERDICT_OLD, VERDICT_NEW, VERDICT_OTHER };
enum verdict story_verdict(const struct story *);

/* Reads plans, prints what the code does to the disk.  An exit status. */
int story_trace(void);

#endif
