/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_JOURNAL_STORE_H
#define RESTANTE_TESTS_UNIT_T_JOURNAL_STORE_H

#include "tests/unit/t-journal-disk.h"
#include "tests/unit/t-scratch.h"

/*
 * What t-journal-disk.c keeps.  A file is what programs see, what the disk
 * has, and the changes between the two, in order: a block's new content, or a
 * size.  Parts, below, are in sixteenths of what is unsynced.
 */

enum { NAMES = 32, NAME_LEN = 64 };

struct change {
	bool is_size;
	size_t at; /* the block's offset, or the size */
	char data[DISK_BLOCK_MOST];
};

struct file {
	struct bytes now, disk;
	struct change *changes;
	size_t count, room;
};

void file_put(struct file *, const char *data, size_t len, size_t at);
void file_cut(struct file *, size_t len);
void file_grow(struct file *, size_t len);
void file_sync(struct file *);
void file_sync_badly(struct file *);
void file_power_cut(struct file *, size_t part);

struct name {
	char name[NAME_LEN];
	int file;       /* -1: none */
	bool with_last; /* happens with the change before, or not at all */
};

struct names {
	struct name list[NAMES];
	size_t count;
};

struct directory {
	struct names now, disk;
	struct name *changes;
	size_t count, room;
};

int names_find(const struct names *, const char *name);
void names_set(struct directory *, const char *name, int file);
void names_rename(struct directory *, const char *from, const char *to);
void names_sync(struct directory *);
void names_power_cut(struct directory *, size_t part);

/* ---- the whole, for t-journal-calls.c ---- */

enum { FILES = 200, OPEN = 16, FIRST_FD = DISK_MAILBOX + 1 };

struct machine {
	struct file files[FILES];
	int file_count, mailbox;
	struct directory directory;
	int opened[OPEN]; /* files, by descriptor; -1: closed */
	bool down;
	uint64_t device;
};
extern struct machine machine;

int machine_new_file(void);

/* What becomes of a call; sets errno. */
enum answer { GO_ON, FAIL, END };
enum answer machine_next_call(bool changes);

/* Chance, of the store's own seed. */
void store_seed(uint64_t);
size_t store_chance(size_t limit);

#endif
