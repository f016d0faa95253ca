/* SPDX-License-Identifier: ISC */
/*
 * The file "index": a header, and a record for each message; after these there
 * may be blank ones.  Whoever holds the lock of the mailbox writes records
 * first, and the header last: a kill in between leaves a header that the
 * mailbox does not fit.  After a power cut the header may be there without the
 * records.  Where they were to fill blanks, their checks are wrong; so a record
 * that is not blank is overwritten only with a sync before the header.
 */
#include "spool/index.h"

#include "common/io/file.h"
#include "common/io/owned.h"
#include "spool/fingerprint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LANDMARK = 4096, RECORDS = 256 };

struct index_header {
	char magic[8];
	uint64_t dev, ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	uint64_t count, octets, ascii, pseudo;
	uint32_t epoch;
	uint32_t birth;      /* another one for each file */
	uint64_t head, tail; /* of the mailbox */
	uint64_t check;
};

static const char magic[8] = "RSTIDX4";

static uint64_t
record_check(const struct message *m)
{
	return fingerprint_of(m, offsetof(struct message, check));
}

bool
index_good(const struct index *x, const struct message *m)
{
	return m->check == record_check(m) && m->epoch <= x->epoch;
}

bool
index_same(const struct index *a, const struct index *b)
{
	return a->ino != 0 && a->dev == b->dev && a->ino == b->ino &&
	       a->birth == b->birth && a->epoch == b->epoch;
}

static off_t
record_at(uint64_t i)
{
	return (
	    off_t)(sizeof(struct index_header) + i * sizeof(struct message));
}

/* Sums up the first and the last octets of [0, size). */
static int
landmarks(int mailbox, off_t size, struct index_header *h)
{
	char sample[LANDMARK];
	size_t n = size < LANDMARK ? (size_t)size : LANDMARK;

	if (file_read(mailbox, sample, n, 0) == -1) {
		return -1;
	}
	h->head = fingerprint_of(sample, n);
	if (file_read(mailbox, sample, n, size - (off_t)n) == -1) {
		return -1;
	}
	h->tail = fingerprint_of(sample, n);
	return 0;
}

static void
set_status(struct index_header *h, const struct stat *st)
{
	h->dev = (uint64_t)st->st_dev;
	h->ino = (uint64_t)st->st_ino;
	h->size = (uint64_t)st->st_size;
	h->mtime = st->st_mtim.tv_sec;
	h->mtime_ns = st->st_mtim.tv_nsec;
	h->ctime = st->st_ctim.tv_sec;
	h->ctime_ns = st->st_ctim.tv_nsec;
}

static bool
same_status(const struct index_header *h, const struct stat *st)
{
	struct index_header now = { .size = 0 };

	set_status(&now, st);
	return h->dev == now.dev && h->ino == now.ino && h->size == now.size &&
	       h->mtime == now.mtime && h->mtime_ns == now.mtime_ns &&
	       h->ctime == now.ctime && h->ctime_ns == now.ctime_ns;
}

static bool
read_header(int fd, struct index_header *h)
{
	struct stat st;

	return file_read(fd, h, sizeof(*h), 0) == 0 &&
	       memcmp(h->magic, magic, sizeof(magic)) == 0 &&
	       h->check ==
	           fingerprint_of(h, offsetof(struct index_header, check)) &&
	       fstat(fd, &st) == 0 &&
	       h->count <=
	           ((uint64_t)st.st_size - sizeof(*h)) / sizeof(struct message);
}

static bool
name_file(struct index *x, int fd, const struct index_header *h)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		return false;
	}
	x->dev = st.st_dev;
	x->ino = st.st_ino;
	x->birth = h->birth;
	x->epoch = h->epoch;
	return true;
}

/* It is shared, so that ids which become known are seen. */
static bool
map(struct index *x, int fd, const struct index_header *h)
{
	x->count = (size_t)h->count;
	x->octets = h->octets;
	x->ascii = h->ascii;
	x->pseudo = h->pseudo != 0;
	x->map_len = (size_t)record_at(x->count);
	x->map = name_file(x, fd, h)
	             ? mmap(NULL, x->map_len, PROT_READ, MAP_SHARED, fd, 0)
	             : MAP_FAILED;
	if (x->map == MAP_FAILED) {
		x->map = NULL;
		return false;
	}
	x->list = (const struct message *)((const char *)x->map + sizeof(*h));
	return true;
}

/* True if the mailbox has only grown since the header was written. */
static bool
has_grown(const struct index_header *h, int mailbox, const struct stat *st)
{
	struct index_header now;

	return h->dev == (uint64_t)st->st_dev &&
	       h->ino == (uint64_t)st->st_ino &&
	       h->size < (uint64_t)st->st_size && h->count > 0 &&
	       landmarks(mailbox, (off_t)h->size, &now) == 0 &&
	       now.head == h->head && now.tail == h->tail;
}

enum index_state
index_load(struct index *x, int directory, int mailbox, const struct stat *st)
{
	enum index_state state = INDEX_NONE;
	struct index_header h;

	memset(x, 0, sizeof(*x));
	int fd =
	    directory == -1 ? -1 : owned_open(directory, "index", O_RDONLY);
	if (fd == -1) {
		return INDEX_NONE;
	}
	if (read_header(fd, &h)) {
		state = same_status(&h, st)          ? INDEX_EXACT
		        : has_grown(&h, mailbox, st) ? INDEX_GROWN
		                                     : INDEX_NONE;
		state = map(x, fd, &h) ? state : INDEX_NONE;
	}
	close(fd);
	return state;
}

void
index_unload(struct index *x)
{
	if (x->map != NULL) {
		munmap(x->map, x->map_len);
		x->map = NULL;
	}
}

static int
write_header(int fd, int mailbox, struct index_header *h)
{
	struct stat st;

	if (fstat(mailbox, &st) == -1 ||
	    landmarks(mailbox, st.st_size, h) == -1) {
		return -1;
	}
	memcpy(h->magic, magic, sizeof(magic));
	set_status(h, &st);
	h->check = fingerprint_of(h, offsetof(struct index_header, check));
	return file_write(fd, h, sizeof(*h), 0);
}

/* ---- a new file ---- */

/* Copies of a message are told apart by what only the index knows. */
static bool
has_copies(const struct message *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].copy > 0) {
			return true;
		}
	}
	return false;
}

static int
write_index(int fd, int mailbox, struct message *list, size_t count,
    struct index_header *h)
{
	h->count = count;
	h->pseudo = count > 0 && list[0].pseudo;
	for (size_t i = 0; i < count; i++) {
		list[i].epoch = h->epoch;
		list[i].check = record_check(&list[i]);
		bool shown = i > 0 || !h->pseudo;
		h->octets += shown ? list[i].octets : 0;
		h->ascii += shown ? list[i].ascii : 0;
	}
	if (file_write(fd, list, count * sizeof(*list), sizeof(*h)) == -1 ||
	    write_header(fd, mailbox, h) == -1) {
		return -1;
	}
	return has_copies(list, count) ? fdatasync(fd) : 0;
}

void
index_store(int directory, int mailbox, struct message *list, size_t count,
    struct index *made)
{
	struct index_header h = { .birth = arc4random() };
	char name[64];

	if (directory == -1) {
		return;
	}
	snprintf(name, sizeof(name), "index.%d", (int)getpid());
	(void)unlinkat(directory, name, 0); /* of a process that was killed */
	int fd = owned_open(directory, name, O_RDWR | O_CREAT | O_EXCL);
	if (fd == -1) {
		return;
	}
	if (write_index(fd, mailbox, list, count, &h) == -1 ||
	    (made != NULL && !name_file(made, fd, &h)) ||
	    renameat(directory, name, directory, "index") == -1) {
		if (made != NULL) {
			made->ino = 0;
		}
		unlinkat(directory, name, 0);
		unlinkat(directory, "index", 0);
	} else if (made != NULL) {
		made->count = count;
	}
	close(fd);
}

/* ---- changes in place ---- */

/*
 * Opens the index to change it.  Those who only read the mailbox share its
 * lock, so there is one for the index, too; it is not waited for.
 */
static int
open_to_change(int directory, struct index_header *h)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = directory == -1 ? -1 : owned_open(directory, "index", O_RDWR);

	if (fd != -1 &&
	    (fcntl(fd, F_OFD_SETLK, &all) == -1 || !read_header(fd, h))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The same for an index that was loaded, and is as it was. */
static int
open_loaded(int directory, const struct index *x, struct index_header *h)
{
	int fd = x->ino == 0 ? -1 : open_to_change(directory, h);
	struct index now;

	if (fd != -1 && (!name_file(&now, fd, h) || !index_same(&now, x) ||
			    h->count != x->count)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A change that fails leaves nothing to believe. */
static bool
finish_change(int directory, int fd, int result)
{
	if (result == -1) {
		unlinkat(directory, "index", 0);
	}
	close(fd);
	return result == 0;
}

/* 1 if the file has nothing but NULs in this range, or ends; 0, or -1. */
static int
is_blank(int fd, off_t at, off_t end)
{
	static const char blank[RECORDS * sizeof(struct message)];
	char data[sizeof(blank)];

	while (at < end) {
		size_t want = end - at < (off_t)sizeof(data)
		                  ? (size_t)(end - at)
		                  : sizeof(data);
		ssize_t n = file_read_some(fd, data, want, at);
		if (n <= 0) {
			return n == 0 ? 1 : -1;
		}
		if (memcmp(data, blank, (size_t)n) != 0) {
			return 0;
		}
		at += n;
	}
	return 1;
}

/* Blanks the records of [from, to). */
static int
wipe(int fd, uint64_t from, uint64_t to)
{
	static const char blank[RECORDS * sizeof(struct message)];

	while (from < to) {
		size_t n = to - from < RECORDS ? (size_t)(to - from) : RECORDS;
		if (file_write(fd, blank, n * sizeof(struct message),
			record_at(from)) == -1) {
			return -1;
		}
		from += n;
	}
	return 0;
}

/*
 * Writes records from that index on, and adds what they have to the header,
 * whose count stands there; former is the count that it had.
 */
static int
write_records(int fd, struct index_header *h, uint64_t former,
    struct message *list, size_t count)
{
	uint64_t first = h->count;
	int blank = is_blank(fd, record_at(first), record_at(first + count));

	for (size_t i = 0; i < count; i++) {
		list[i].epoch = h->epoch;
		list[i].check = record_check(&list[i]);
		h->octets += list[i].octets;
		h->ascii += list[i].ascii;
	}
	h->count += count;
	if (blank == -1 ||
	    file_write(fd, list, count * sizeof(*list), record_at(first)) ==
		-1 ||
	    wipe(fd, h->count, former) == -1) {
		return -1;
	}
	return blank == 0 || h->count < former || has_copies(list, count)
	           ? fdatasync(fd)
	           : 0;
}

/* True if it is better to change the end of an index than to write it anew. */
static bool
is_end(const struct index *x, size_t first)
{
	return x->map != NULL && first > 0 &&
	       (first == x->count || (first > RECORDS && first > x->count / 2));
}

bool
index_replace(int directory, int mailbox, const struct index *x, size_t first,
    struct message *list, size_t count)
{
	struct index_header h;
	int fd = is_end(x, first) ? open_loaded(directory, x, &h) : -1;

	if (fd == -1) {
		return false;
	}
	for (size_t i = first; i < x->count; i++) {
		h.octets -= x->list[i].octets;
		h.ascii -= x->list[i].ascii;
	}
	bool last = h.epoch == UINT32_MAX;
	h.epoch += first < x->count;
	h.count = first;
	int result = last ? -1 : write_records(fd, &h, x->count, list, count);
	if (result == 0) {
		result = write_header(fd, mailbox, &h);
	}
	return finish_change(directory, fd, result);
}

bool
index_fill(int directory, const struct index *x, struct message *list,
    const size_t *where, size_t count, bool durable)
{
	struct index_header h;
	int fd = open_loaded(directory, x, &h);
	int result = 0;

	if (fd == -1) {
		return false;
	}
	for (size_t i = 0, n; i < count && result == 0; i += n) {
		for (n = 0; i + n < count && where[i + n] == where[i] + n;
		     n++) {
			list[i + n].check = record_check(&list[i + n]);
		}
		result = file_write(
		    fd, &list[i], n * sizeof(*list), record_at(where[i]));
	}
	if (result == 0 && durable) {
		result = fdatasync(fd);
	}
	return finish_change(directory, fd, result);
}

void
index_confirm(int directory, int mailbox, const struct index *x)
{
	struct index_header h;
	int fd = open_loaded(directory, x, &h);

	if (fd != -1) {
		finish_change(directory, fd, write_header(fd, mailbox, &h));
	}
}

void
index_add(int directory, int mailbox, const struct stat *before,
    struct message *list, size_t n)
{
	struct index_header h;

	/* The separator before it has changed the message before: the
	   next opening looks at both. */
	if (directory == -1 || list->start != before->st_size) {
		return;
	}
	if (before->st_size == 0) {
		index_store(directory, mailbox, list, n, NULL);
		return;
	}
	int fd = open_to_change(directory, &h);
	if (fd == -1) {
		return;
	}
	if (!same_status(&h, before)) {
		close(fd);
		return;
	}
	int result = write_records(fd, &h, h.count, list, n);
	if (result == 0) {
		result = write_header(fd, mailbox, &h);
	}
	finish_change(directory, fd, result);
}
