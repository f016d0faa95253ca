/* SPDX-License-Identifier: ISC */
/*
 * The image: a header, an entry for each line, and their texts.  It is written
 * under another name, which then becomes its name; it is not synced.  One that
 * is damaged, or of another file, is not believed, and is made again.
 */
#include "common/login/users_image.h"

#include "common/io/file.h"
#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LANES = 4 };

struct image_header {
	char magic[8];
	uint64_t dev, ino, size; /* of the users file */
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	uint64_t count, text; /* entries, and octets after them */
	uint64_t kinds;
	uint64_t sum; /* of what follows the header */
	uint64_t check;
};

static const char magic[8] = "RSTUSR1";

/* ---- names as they are read ---- */

static bool
grow(void **list, size_t *room, size_t wanted, size_t size)
{
	size_t n = *room == 0 ? 64 : *room;

	if (wanted <= *room) {
		return true;
	}
	while (n < wanted) {
		n *= 2;
	}
	void *p = reallocarray(*list, n, size);
	if (p == NULL) {
		return false;
	}
	*list = p;
	*room = n;
	return true;
}

/* Where the text is kept. */
static uint32_t
keep(struct users_names *n, const char *text)
{
	size_t size = strlen(text) + 1;
	uint32_t at = (uint32_t)n->used;

	memcpy(n->text + n->used, text, size);
	n->used += size;
	return at;
}

bool
users_names_add(struct users_names *n, const struct user_line *u, uint64_t line)
{
	void *entries = n->entries, *text = n->text;
	bool ok = n->used < UINT32_MAX - 4 * USER_NAME &&
	          n->count < UINT32_MAX &&
	          grow(&entries, &n->room, n->count + 1, sizeof(*n->entries));
	n->entries = entries;
	ok = ok && grow(&text, &n->text_room, n->used + 2 * USER_NAME + 3, 1);
	n->text = text;
	if (!ok) {
		return false;
	}
	if (n->used == 0) {
		n->text[n->used++] = '\0'; /* the empty owner */
	}
	struct names_entry *e = &n->entries[n->count++];
	e->name = keep(n, u->name);
	for (char *p = n->text + e->name; *p != '\0'; p++) {
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	}
	e->owner = u->owner[0] == '\0' ? 0 : keep(n, u->owner);
	e->line = line & (UINT64_MAX >> 1);
	e->further = u->label[0] != '\0';
	return true;
}

static int
compare(const void *a, const void *b, void *text)
{
	const struct names_entry *x = a, *y = b;
	const char *t = text;
	int c = strcmp(t + x->name, t + y->name);

	if (c != 0) {
		return c;
	}
	if (x->further != y->further) {
		return x->further ? 1 : -1;
	}
	return x->line < y->line ? -1 : x->line > y->line;
}

void
users_names_finish(struct users_names *n, struct names *names)
{
	if (n->count > 0) {
		qsort_r(n->entries, n->count, sizeof(*n->entries), compare,
		    n->text);
	}
	names->entries = names->owned_entries = n->entries;
	names->text = names->owned_text = n->text;
	names->count = n->count;
	names->text_len = n->used;
	memset(n, 0, sizeof(*n));
}

void
users_names_free(struct users_names *n)
{
	free(n->entries);
	free(n->text);
	memset(n, 0, sizeof(*n));
}

/* ---- the image ---- */

static uint64_t
sum(const void *data, size_t len)
{
	uint64_t h[LANES] = { 1, 2, 3, 4 }, words[LANES];
	const char *p = data;

	for (; len >= sizeof(words); len -= sizeof(words), p += sizeof(words)) {
		memcpy(words, p, sizeof(words));
		for (size_t i = 0; i < LANES; i++) {
			h[i] = (h[i] ^ words[i]) * 1099511628211ULL;
			h[i] ^= h[i] >> 29;
		}
	}
	for (; len > 0; len--, p++) {
		h[0] = (h[0] ^ (unsigned char)*p) * 1099511628211ULL;
	}
	for (size_t i = 1; i < LANES; i++) {
		h[0] = (h[0] ^ h[i]) * 1099511628211ULL;
		h[0] ^= h[0] >> 29;
	}
	return h[0];
}

static void
set_file(struct image_header *h, const struct stat *st)
{
	h->dev = (uint64_t)st->st_dev;
	h->ino = (uint64_t)st->st_ino;
	h->size = (uint64_t)st->st_size;
	h->mtime = st->st_mtim.tv_sec;
	h->mtime_ns = st->st_mtim.tv_nsec;
	h->ctime = st->st_ctim.tv_sec;
	h->ctime_ns = st->st_ctim.tv_nsec;
}

/* All that decides about the header but what it says of the names. */
static bool
header_good(const struct image_header *h, const struct stat *users,
    const struct stat *image)
{
	struct image_header now = { .dev = 0 };
	uint64_t rest = (uint64_t)image->st_size - sizeof(*h);

	set_file(&now, users);
	return memcmp(h->magic, magic, sizeof(magic)) == 0 &&
	       h->check == sum(h, offsetof(struct image_header, check)) &&
	       memcmp(&now.dev, &h->dev,
		   offsetof(struct image_header, count) -
		       offsetof(struct image_header, dev)) == 0 &&
	       h->count <= rest / sizeof(struct names_entry) &&
	       h->text == rest - h->count * sizeof(struct names_entry) &&
	       h->text > 0;
}

/* Only who may change the users file could have made it otherwise. */
static int
open_image(const struct config *config, struct stat *st)
{
	char path[PATH_MAX];
	int fd = statefile_path(config, "users.image", "", path) == -1
	             ? -1
	             : statefile_open(path, O_RDONLY, st);

	if (fd != -1 &&
	    ((st->st_uid != geteuid() && st->st_uid != 0) ||
		(st->st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
		st->st_size <= (off_t)sizeof(struct image_header))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
take_image(struct names *n, const struct image_header *h)
{
	n->entries = (const struct names_entry *)(h + 1);
	n->count = (size_t)h->count;
	n->text = (const char *)(n->entries + n->count);
	n->text_len = (size_t)h->text;
	names_set_kinds(n, (unsigned)h->kinds);
}

bool
users_image_map(
    struct names *n, const struct config *config, const struct stat *users)
{
	struct stat st;
	int fd = open_image(config, &st);

	if (fd == -1) {
		return false;
	}
	size_t len = (size_t)st.st_size;
	void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		return false;
	}
	const struct image_header *h = map;
	if (!header_good(h, users, &st) ||
	    h->sum != sum(h + 1, len - sizeof(*h)) ||
	    ((const char *)map)[len - 1] != '\0') {
		munmap(map, len);
		return false;
	}
	/* What was looked at for the sum is in the page cache, not ours. */
	(void)madvise(map, len, MADV_DONTNEED);
	take_image(n, h);
	n->map = map;
	n->map_len = len;
	return true;
}

static int
write_image(int fd, const struct names *n)
{
	struct image_header h = { .count = n->count, .text = n->text_len };
	size_t entries = n->count * sizeof(*n->entries);
	char *all = malloc(entries + n->text_len + 1);

	if (all == NULL) {
		return -1;
	}
	memcpy(all, n->entries, entries);
	memcpy(all + entries, n->text, n->text_len);
	memcpy(h.magic, magic, sizeof(magic));
	set_file(&h, &n->file);
	h.kinds = names_kinds(n);
	h.sum = sum(all, entries + n->text_len);
	h.check = sum(&h, offsetof(struct image_header, check));
	int result = file_write(fd, &h, sizeof(h), 0);
	if (result == 0) {
		result = file_write(
		    fd, all, entries + n->text_len, (off_t)sizeof(h));
	}
	free(all);
	return result;
}

bool
users_image_write(const struct names *n, const struct config *config)
{
	char path[PATH_MAX], new[PATH_MAX], ending[32];
	struct stat st;

	snprintf(ending, sizeof(ending), ".%d", (int)getpid());
	if (n->count == 0 ||
	    statefile_path(config, "users.image", "", path) == -1 ||
	    statefile_path(config, "users.image", ending, new) == -1) {
		return false;
	}
	statefile_folder(config);
	(void)unlink(new); /* of a process that was killed */
	int fd = statefile_open(new, O_RDWR | O_CREAT | O_EXCL, &st);
	if (fd == -1) {
		return false;
	}
	bool ok = write_image(fd, n) == 0 && rename(new, path) == 0;
	int saved = errno;
	if (!ok) {
		unlink(new);
	}
	close(fd);
	errno = saved;
	return ok;
}
