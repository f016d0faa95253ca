/* SPDX-License-Identifier: ISC */
/*
 * The table that workers remember things in: what was put there is found, what
 * was not never is, whatever anybody writes into the file.
 */
#include "smtpd/worker/table.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/wait.h>

enum { NOW = 1800000000 };

static struct config config;

/* Keeps a value for a word; false: errno. */
static bool
keep(struct table *t, const char *word, uint32_t value, uint32_t expires)
{
	struct table_entry e;

	if (table_begin(t, table_key(t->seed, word, strlen(word)), NOW, &e) ==
	    -1) {
		return false;
	}
	e.record.values[0] = value;
	e.record.expires = expires;
	return table_keep(t, &e) == 0;
}

/* The value of a word, or 0: it is not there. */
static uint32_t
look(struct table *t, const char *word, uint32_t now)
{
	struct table_entry e;

	if (table_begin(t, table_key(t->seed, word, strlen(word)), now, &e) ==
	    -1) {
		return UINT32_MAX;
	}
	table_leave(t, &e);
	return e.found ? e.record.values[0] : 0;
}

static void
test_memory(void)
{
	struct table t, other;

	ok(table_open(&t, &config, "table") == 0 && look(&t, "a", NOW) == 0,
	    "a new table knows nothing");
	ok(keep(&t, "a", 7, NOW + 10) && look(&t, "a", NOW) == 7 &&
		look(&t, "b", NOW) == 0,
	    "what is kept is found, and nothing else");
	ok(table_open(&other, &config, "table") == 0 &&
		look(&other, "a", NOW) == 7,
	    "by others, too");
	ok(keep(&other, "a", 8, NOW + 20) && look(&t, "a", NOW + 15) == 8,
	    "it can be changed");
	ok(look(&t, "a", NOW + 20) == 0, "it is forgotten in time");
	ok(keep(&t, "c", 9, NOW + TABLE_LONGEST + 1) && look(&t, "c", NOW) == 0,
	    "a record from the future does not count");
	ok(look(&t, "a", 0) == 0, "nor does any when the clock is far behind");
	table_close(&t);
	table_close(&other);
}

/* One set: it holds so many, and then the first to be forgotten goes. */
static void
test_full(void)
{
	const uint64_t seed[2] = { 1, 2 };
	struct table_set set = { 0 };
	struct table_entry e;
	bool all = true;

	for (uint32_t i = 0; i < TABLE_WAYS + 1; i++) {
		struct table_key key = { .half = { 1, i } };
		table_look(&set, seed, key, NOW, &e);
		all = all && !e.found && (i == TABLE_WAYS || e.way == i);
		e.record.expires = NOW + (i == 3 ? 5 : 100 + i);
		e.record.sum = table_record_sum(seed, &e.record);
		set.ways[e.way] = e.record;
	}
	ok(all && e.way == 3, "the one that ends first gives way");
	for (uint32_t i = 0; i < TABLE_WAYS + 1; i++) {
		struct table_key key = { .half = { 1, i } };
		table_look(&set, seed, key, NOW, &e);
		all = all && e.found == (i != 3);
	}
	ok(all, "the others stay");
}

/* Every bit of a record and of a header is turned (one at a time). */
static void
test_damage(void)
{
	const uint64_t seed[2] = { 1, 2 };
	const struct table_key key = { .half = { 3, 4 } };
	struct table_set set = { 0 };
	struct table_header h;
	struct table_entry e;
	bool record = true, header = true;

	table_look(&set, seed, key, NOW, &e);
	e.record.expires = NOW + 1000;
	e.record.sum = table_record_sum(seed, &e.record);
	set.ways[0] = e.record;
	table_look(&set, seed, key, NOW, &e);
	ok(e.found, "a whole record counts");
	for (size_t bit = 0; bit < sizeof(set.ways[0]) * 8; bit++) {
		((uint8_t *)&set)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		table_look(&set, seed, key, NOW, &e);
		record = record && !e.found;
		((uint8_t *)&set)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(record, "with any bit turned it does not");
	const uint64_t strange[2] = { 1, 3 };
	table_look(&set, strange, key, NOW, &e);
	ok(!e.found, "nor by another seed");
	table_new_header(&h);
	ok(table_is_header(&h), "a new header is one");
	for (size_t bit = 0; bit < sizeof(h) * 8; bit++) {
		((uint8_t *)&h)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		header = header && !table_is_header(&h);
		((uint8_t *)&h)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ok(header, "with any bit turned it is none");
}

/* The file in all states: a table comes of it, or an error. */
static void
test_files(void)
{
	char path[PATH_MAX], other[PATH_MAX];
	struct table t;
	bool good = true;

	scratch_path(path, "table");
	for (int i = 0; i < 64; i++) {
		char noise[4096];
		FILE *f = fopen(path, "we");
		memset(noise, i == 0 ? 0 : i, sizeof(noise));
		arc4random_buf(noise, i < 32 ? 0 : sizeof(noise));
		fwrite(noise, (size_t)i * 64, 1, f);
		fclose(f);
		good = good && table_open(&t, &config, "table") == 0 &&
		       look(&t, "a", NOW) == 0 && keep(&t, "a", 1, NOW + 9) &&
		       look(&t, "a", NOW) == 1;
		table_close(&t);
	}
	ok(good, "noise of any length becomes a table");
	ok(table_open(&t, &config, "table") == 0 && truncate(path, 40) == 0 &&
		look(&t, "a", NOW) == 0 && keep(&t, "a", 1, NOW + 9),
	    "one that is cut while in use is empty, and serves");
	table_close(&t);
	ok(unlink(path) == 0 && mkdir(path, 0700) == 0 &&
		table_open(&t, &config, "table") == -1,
	    "a directory is no table");
	ok(rmdir(path) == 0 && symlink("/dev/null", path) == 0 &&
		table_open(&t, &config, "table") == -1,
	    "nor a symbolic link");
	ok(unlink(path) == 0 && mkfifo(path, 0600) == 0 &&
		table_open(&t, &config, "table") == -1 && errno == EPERM,
	    "nor a pipe");
	scratch_path(other, "other");
	ok(unlink(path) == 0 && table_open(&t, &config, "table") == 0 &&
		link(path, other) == 0,
	    "a file with two names");
	table_close(&t);
	ok(table_open(&t, &config, "table") == -1 && errno == EPERM,
	    "is not ours to write");
	unlink(other);
}

/* Many at once add to one value: nothing is lost. */
static void
test_together(void)
{
	enum { PROCESSES = 4, TIMES = 50 };
	int status, bad = 0;
	struct table t;

	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0) {
			continue;
		}
		for (int k = 0; k < TIMES; k++) {
			struct table_entry e;
			struct table_key key;
			if (table_open(&t, &config, "sum") == -1) {
				_exit(1);
			}
			key = table_key(t.seed, "x", 1);
			if (table_begin(&t, key, NOW, &e) == -1) {
				_exit(1);
			}
			e.record.values[0]++;
			e.record.expires = NOW + 9;
			if (table_keep(&t, &e) == -1) {
				_exit(1);
			}
			table_close(&t);
		}
		_exit(0);
	}
	while (wait(&status) > 0) {
		bad += status != 0;
	}
	ok(bad == 0 && table_open(&t, &config, "sum") == 0 &&
		look(&t, "x", NOW) == PROCESSES * TIMES,
	    "what several processes add is all there");
}

/* A lock that somebody keeps is not waited for for ever. */
static void
test_locked(void)
{
	struct table t, other;
	struct table_entry e;

	ok(table_open(&t, &config, "held") == 0 &&
		table_open(&other, &config, "held") == 0 &&
		table_begin(&other, table_key(t.seed, "x", 1), NOW, &e) == 0,
	    "somebody has the lock");
	ok(!keep(&t, "x", 1, NOW + 9) && (errno == EAGAIN || errno == EACCES),
	    "then it cannot be had, in the end");
	table_leave(&other, &e);
	ok(keep(&t, "x", 1, NOW + 9), "and now it can");
}

int
main(void)
{
	scratch_make();
	scratch_path(config.state, "");
	test_memory();
	test_full();
	test_damage();
	test_files();
	test_together();
	test_locked();
	return tap_done();
}
