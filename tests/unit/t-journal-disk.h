/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_JOURNAL_DISK_H
#define RESTANTE_TESTS_UNIT_T_JOURNAL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A disk in memory, for a mailbox and the directory of its journal, reached by
 * the linker's --wrap.  What was not synced may be lost in a power cut: any
 * subset of the blocks, of the sizes and of the names survives.
 * tests/lib/model.py has the same disk in words.
 */

enum { DISK_DIRECTORY = 1000, DISK_MAILBOX, DISK_BLOCK_MOST = 512 };

enum disk_fate {
	FATE_NONE,
	FATE_POWER, /* power cut: what is unsynced is up to chance */
	FATE_KILL,  /* the process alone ends: what it wrote stays readable */
	FATE_ERROR, /* one call fails */
};

/* How this disk behaves. */
struct disk_manners {
	size_t block;
	bool lazy_journal, lazy_mailbox, lazy_directory; /* syncs do nothing */
	bool short_calls;  /* reads and writes do less than told, or EINTR */
	bool whole_writes; /* a crash does not leave a part of one */
	bool no_fallocate; /* EOPNOTSUPP */
	bool full;         /* ENOSPC: no file gets room for a journal */
	bool strict;       /* no chance: a power cut loses all unsynced */
	bool trace;        /* prints what happens */
};
extern struct disk_manners disk_manners;

/* An empty directory and this mailbox, all of it on the disk. */
void disk_reset(uint64_t seed, const char *mailbox, size_t len);

/*
 * The fate of the step-th call from now on, 1 the first.  Errors count every
 * call, the others only those that change something.  After it every call
 * fails without effect, until disk_restart().
 */
void disk_fate(enum disk_fate, unsigned step);
bool disk_is_down(void);
void disk_restart(void);

/* A spare journal is there, with its room, on the disk. */
void disk_put_spare(size_t len);

/* A power cut while nobody does anything. */
void disk_power_cut(void);

/* Calls since disk_fate() that change something. */
unsigned disk_steps(void);

/* What the programs see. */
const char *disk_mailbox(size_t *len);
bool disk_is_cut(void); /* the mailbox, and that is not synced */
bool disk_exists(const char *name);
unsigned disk_set_aside(void); /* how many names begin with "journal.lost." */
unsigned disk_open_files(void);

/* What other programs do. */
void disk_append(const char *data, size_t len, bool sync);
void disk_rewrite(const char *data, size_t len, bool another_file);
void disk_mark(size_t at, char c);

/* The first octets of the SHA-256, as a number. */
uint64_t disk_digest(const void *data, size_t len);

#endif
