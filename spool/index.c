/* SPDX-License-Identifier: ISC */
/*
 * The file "index": a header, and a record for each message.  It is replaced
 * by rename(2); a delivery adds a record, and then writes the header, so that
 * a crash in between leaves a header that the mailbox does not fit.
 */
#include "spool/index.h"

#include "common/io/file.h"
#include "common/io/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LANDMARK = 4096, NUMBERED = 16384 };

struct index_header {
	char magic[8];
	uint64_t dev, ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	uint64_t count, octets, ascii, pseudo;
	uint64_t known;      /* this many of the first records have their id */
	uint64_t head, tail; /* of the mailbox */
	uint64_t check;
};

static const char magic[8] = "RSTIDX2";

/* FNV-1a, by words where it can: it guards against damage, not enemies. */
static uint64_t
fnv(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 14695981039346656037ULL, word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 1099511628211ULL;
		h ^= h >> 29;
	}
	for (; len > 0; len--, p++) {
		h = (h ^ *p) * 1099511628211ULL;
	}
	return h ^ h >> 32;
}

static uint32_t
record_check(const struct message *m)
{
	return (uint32_t)fnv(m, offsetof(struct message, check));
}

bool
index_good(const struct message *m)
{
	return m->check == record_check(m);
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
	h->head = fnv(sample, n);
	if (file_read(mailbox, sample, n, size - (off_t)n) == -1) {
		return -1;
	}
	h->tail = fnv(sample, n);
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
	       h->check == fnv(h, offsetof(struct index_header, check)) &&
	       fstat(fd, &st) == 0 &&
	       h->count <= ((uint64_t)st.st_size - sizeof(*h)) /
	                       sizeof(struct message) &&
	       h->known <= h->count;
}

static bool
map(struct index *x, int fd, const struct index_header *h)
{
	x->count = (size_t)h->count;
	x->octets = h->octets;
	x->ascii = h->ascii;
	x->pseudo = h->pseudo != 0;
	x->map_len = sizeof(*h) + x->count * sizeof(struct message);
	x->map = mmap(NULL, x->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
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
		if (same_status(&h, st) && h.known == h.count) {
			state = INDEX_EXACT;
		} else if (h.known > 0 && (same_status(&h, st) ||
					      has_grown(&h, mailbox, st))) {
			h.count = h.known;
			state = INDEX_GROWN;
		}
	}
	if (state != INDEX_NONE && !map(x, fd, &h)) {
		state = INDEX_NONE;
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
	h->check = fnv(h, offsetof(struct index_header, check));
	return file_write(fd, h, sizeof(*h), 0);
}

static int
write_index(int fd, int mailbox, struct message *list, size_t count)
{
	struct index_header h = { .count = count };

	h.pseudo = count > 0 && list[0].pseudo;
	for (size_t i = 0; i < count; i++) {
		list[i].check = record_check(&list[i]);
		h.known += h.known == i && !list[i].unknown;
		bool shown = i > 0 || !h.pseudo;
		h.octets += shown ? list[i].octets : 0;
		h.ascii += shown ? list[i].ascii : 0;
	}
	if (file_write(fd, list, count * sizeof(*list), sizeof(h)) == -1) {
		return -1;
	}
	return write_header(fd, mailbox, &h);
}

void
index_store(int directory, int mailbox, struct message *list, size_t count)
{
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
	if (write_index(fd, mailbox, list, count) == -1 ||
	    renameat(directory, name, directory, "index") == -1) {
		unlinkat(directory, name, 0);
		unlinkat(directory, "index", 0);
	}
	close(fd);
}

/*
 * Numbers the message among identical ones.  In a large mailbox that is left to
 * the next login.
 */
static void
number(int fd, const struct index_header *h, struct message *m)
{
	struct index x;

	m->copy = 0;
	if (h->count > NUMBERED || !map(&x, fd, h)) {
		m->unknown = m->unknown || h->count > 0;
		return;
	}
	for (size_t i = 0; i < x.count; i++) {
		if (memcmp(x.list[i].id, m->id, sizeof(m->id)) == 0 &&
		    x.list[i].copy >= m->copy) {
			m->copy = x.list[i].copy + 1;
		}
	}
	index_unload(&x);
}

void
index_add(
    int directory, int mailbox, const struct stat *before, struct message *m)
{
	struct index_header h;

	/* The separator before it has changed the message before: the
	   next opening looks at both. */
	if (directory == -1 || m->start != before->st_size) {
		return;
	}
	if (before->st_size == 0) {
		index_store(directory, mailbox, m, 1);
		return;
	}
	int fd = owned_open(directory, "index", O_RDWR);
	if (fd == -1) {
		return;
	}
	if (read_header(fd, &h) && same_status(&h, before)) {
		off_t at = (off_t)(sizeof(h) + h.count * sizeof(*m));
		if (!m->unknown) {
			number(fd, &h, m);
		}
		m->check = record_check(m);
		h.known += h.known == h.count && !m->unknown;
		h.count++;
		h.octets += m->octets;
		h.ascii += m->ascii;
		if (file_write(fd, m, sizeof(*m), at) == -1 ||
		    write_header(fd, mailbox, &h) == -1) {
			unlinkat(directory, "index", 0);
		}
	}
	close(fd);
}
