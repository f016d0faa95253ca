/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_TABLE_H
#define RESTANTE_SMTPD_WORKER_TABLE_H

#include "common/config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is remembered from one worker to the next, by a key that strangers
 * choose: a file of fixed size below state.  A key is a hash by a seed that
 * nobody else knows, and belongs to a set of records; where a set is full, what
 * would have been forgotten first goes.  Each record has a sum by that seed, so
 * that whatever else is in the file is nothing.  Nothing is synced: who loses
 * it has lost patience, not mail.
 */

enum {
	TABLE_SETS = 8192, /* unless it is opened with more */
	TABLE_WAYS = 8,    /* records of each */
	TABLE_VALUES = 5,
	TABLE_LONGEST = 40 * 24 * 60 * 60, /* s, that a record may last */
	TABLE_NOTE = 192,                  /* octets, with NUL, of a text */
};

struct table_key {
	uint64_t half[2];
};

struct table_record {
	struct table_key key;
	uint32_t expires; /* seconds since 1970 */
	uint32_t values[TABLE_VALUES];
	uint64_t sum;
};

struct table_set {
	struct table_record ways[TABLE_WAYS];
};

struct table_header {
	char magic[8];
	uint64_t seed[2];
	uint64_t sum;
};

struct table {
	char path[PATH_MAX];
	int fd;
	size_t sets;
	uint64_t seed[2];
};

/* A record that is being looked at, under a lock on its set. */
struct table_entry {
	struct table_record record; /* values are 0 unless found */
	bool found;
	uint32_t until; /* when what is in its place ends; 0: nothing is */
	size_t set, way;
};

/* ---- table.c: pure ---- */

struct table_key table_key(
    const uint64_t seed[2], const void *data, size_t len);

/* A sum that the record, or a header, should have. */
uint64_t table_record_sum(const uint64_t seed[2], const struct table_record *);

bool table_is_header(const struct table_header *);

/* A header with a new seed: no record of another one counts. */
void table_new_header(struct table_header *);

/*
 * Fills in entry's record, found and way: the key's place in its set, or the
 * one that it is to take.  now: seconds since 1970.
 */
void table_look(const struct table_set *, const uint64_t seed[2],
    struct table_key, uint32_t now, struct table_entry *);

/* ---- table_file.c: 0, or -1 with errno, in a second at most ---- */

/* Opens or makes STATE/name; what is no table becomes one. */
int table_open(struct table *, const struct config *, const char *name)
    __attribute__((warn_unused_result));
int table_open_large(struct table *, const struct config *, const char *name,
    size_t sets) __attribute__((warn_unused_result));
void table_close(struct table *);

/* Locks a key's set, and looks; then table_keep() or table_leave(). */
int table_begin(struct table *, struct table_key, uint32_t now,
    struct table_entry *) __attribute__((warn_unused_result));

/* Writes the record, and unlocks; or only that. */
int table_keep(struct table *, struct table_entry *)
    __attribute__((warn_unused_result));
void table_leave(struct table *, const struct table_entry *);

/*
 * Between begin and keep or leave: the text that goes with a record, which has
 * a sum of it in one of its values.  Reading: false, there is none with that
 * sum.
 */
uint32_t table_note_sum(const struct table *, const char note[TABLE_NOTE]);
int table_write_note(struct table *, const struct table_entry *,
    const char note[TABLE_NOTE]) __attribute__((warn_unused_result));
bool table_read_note(const struct table *, const struct table_entry *,
    uint32_t sum, char note[TABLE_NOTE]);

/*
 * Takes one of so many places that processes have for that key, for as long as
 * the table is open, here or in those that were forked since.  -1: all are
 * taken (EAGAIN), or it cannot be done.
 */
int table_take_place(struct table *, struct table_key, unsigned places)
    __attribute__((warn_unused_result));

#endif
