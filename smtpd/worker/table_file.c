/* SPDX-License-Identifier: ISC */
/*
 * The table's file.  May run as root.  It is read and written by offset, so
 * that whoever cuts or fills it harms nobody.
 */
#include "smtpd/worker/table.h"

#include "common/io/statefile.h"
#include "common/text/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FIRST_SET = 512, /* where the sets begin, after the header */
	TRIES = 100,
	PAUSE = 5 * 1000, /* microseconds between them */
};

_Static_assert(sizeof(struct table_record) == 48, "no padding: it is summed");
_Static_assert(sizeof(struct table_header) <= FIRST_SET, "see FIRST_SET");

static off_t
place(size_t set)
{
	return FIRST_SET + (off_t)(set * sizeof(struct table_set));
}

/* Takes or gives back the lock on a part of the file. */
static int
lock(int fd, off_t from, size_t len, short type)
{
	return statefile_lock(fd, type, from, (off_t)len, TRIES, PAUSE);
}

/* Octets past the end of the file read as 0. */
static int
read_at(int fd, void *data, size_t len, off_t from)
{
	memset(data, 0, len);
	ssize_t n = pread(fd, data, len, from);
	if (n == -1) {
		return -1;
	}
	memset((char *)data + n, 0, len - (size_t)n);
	return 0;
}

static int
write_at(int fd, const void *data, size_t len, off_t from)
{
	ssize_t n = pwrite(fd, data, len, from);

	if (n >= 0 && (size_t)n != len) {
		errno = ENOSPC;
	}
	return n == (ssize_t)len ? 0 : -1;
}

/* Reads the seed; makes one where there is none, or none that can be one. */
static int
learn_seed(struct table *t)
{
	struct table_header h;

	if (lock(t->fd, 0, FIRST_SET, F_WRLCK) == -1) {
		return -1;
	}
	int result = read_at(t->fd, &h, sizeof(h), 0);
	if (result == 0 && !table_is_header(&h)) {
		table_new_header(&h);
		result = write_at(t->fd, &h, sizeof(h), 0);
	}
	int saved = errno;
	(void)lock(t->fd, 0, FIRST_SET, F_UNLCK);
	errno = saved;
	memcpy(t->seed, h.seed, sizeof(t->seed));
	return result;
}

static int
open_file(struct table *t)
{
	struct stat st;

	t->fd = statefile_open(t->path, O_RDWR | O_CREAT, &st);
	if (t->fd == -1) {
		return -1;
	}
	if (st.st_nlink > 1 || st.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return learn_seed(t);
}

int
table_open(struct table *t, const struct config *config, const char *name)
{
	return table_open_large(t, config, name, TABLE_SETS);
}

int
table_open_large(
    struct table *t, const struct config *config, const char *name, size_t sets)
{
	t->fd = -1;
	t->sets = sets;
	if (statefile_path(config, name, "", t->path) == -1) {
		return -1;
	}
	statefile_folder(config);
	if (open_file(t) == -1) {
		int saved = errno;
		table_close(t);
		errno = saved;
		return -1;
	}
	return 0;
}

void
table_close(struct table *t)
{
	if (t->fd != -1) {
		close(t->fd);
		t->fd = -1;
	}
}

int
table_begin(
    struct table *t, struct table_key key, uint32_t now, struct table_entry *e)
{
	struct table_set set;

	e->set = (size_t)(key.half[0] % t->sets);
	if (lock(t->fd, place(e->set), sizeof(set), F_WRLCK) == -1) {
		return -1;
	}
	if (read_at(t->fd, &set, sizeof(set), place(e->set)) == -1) {
		int saved = errno;
		table_leave(t, e);
		errno = saved;
		return -1;
	}
	table_look(&set, t->seed, key, now, e);
	return 0;
}

int
table_keep(struct table *t, struct table_entry *e)
{
	struct table_record *r = &e->record;

	r->sum = table_record_sum(t->seed, r);
	int result = write_at(
	    t->fd, r, sizeof(*r), place(e->set) + (off_t)(e->way * sizeof(*r)));
	int saved = errno;
	table_leave(t, e);
	errno = saved;
	return result;
}

void
table_leave(struct table *t, const struct table_entry *e)
{
	(void)lock(t->fd, place(e->set), sizeof(struct table_set), F_UNLCK);
}

/* ---- texts, after all sets ---- */

static off_t
note_place(const struct table *t, const struct table_entry *e)
{
	size_t number = e->set * TABLE_WAYS + e->way;

	return place(t->sets) + (off_t)(number * TABLE_NOTE);
}

uint32_t
table_note_sum(const struct table *t, const char note[TABLE_NOTE])
{
	return (uint32_t)siphash(t->seed, note, strnlen(note, TABLE_NOTE));
}

int
table_write_note(
    struct table *t, const struct table_entry *e, const char note[TABLE_NOTE])
{
	return write_at(t->fd, note, TABLE_NOTE, note_place(t, e));
}

bool
table_read_note(const struct table *t, const struct table_entry *e,
    uint32_t sum, char note[TABLE_NOTE])
{
	return read_at(t->fd, note, TABLE_NOTE, note_place(t, e)) == 0 &&
	       memchr(note, '\0', TABLE_NOTE) != NULL &&
	       table_note_sum(t, note) == sum;
}

/* ---- places: locks beyond all texts, where nothing is ever written ---- */

int
table_take_place(struct table *t, struct table_key key, unsigned places)
{
	const off_t beyond = (off_t)1 << 40;
	off_t first = beyond + (off_t)(key.half[0] >> 32) * places;

	for (unsigned i = 0; i < places; i++) {
		if (statefile_lock(t->fd, F_WRLCK, first + i, 1, 1, 0) == 0) {
			return 0;
		}
	}
	return -1;
}
