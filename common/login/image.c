/* SPDX-License-Identifier: ISC */
/*
 * An image is a header and a body.  It is written under another name, which
 * then becomes its name; it is not synced.  One that is damaged, or of another
 * file, is not believed, and is made again.
 */
#include "common/login/image.h"

#include "common/io/file.h"
#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LANES = 4 };

struct image_header {
	char magic[8];
	uint64_t dev, ino, size; /* of the file that it was made of */
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	uint64_t numbers[IMAGE_NUMBERS];
	uint64_t sum; /* of what follows the header */
	uint64_t check;
};

static const char magic[8] = "RSTIMG1";

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

static bool
header_good(const struct image_header *h, const struct stat *of)
{
	struct image_header now = { .dev = 0 };

	set_file(&now, of);
	return memcmp(h->magic, magic, sizeof(magic)) == 0 &&
	       h->check == sum(h, offsetof(struct image_header, check)) &&
	       memcmp(&now.dev, &h->dev,
		   offsetof(struct image_header, numbers) -
		       offsetof(struct image_header, dev)) == 0;
}

/* Only who may change the file itself could have made it otherwise. */
static int
open_image(const struct config *config, const char *name, struct stat *st)
{
	char path[PATH_MAX];
	int fd = statefile_path(config, name, "", path) == -1
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

bool
image_map(struct image *image, const struct config *config, const char *name,
    const struct stat *of)
{
	struct stat st;
	int fd = open_image(config, name, &st);

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
	if (!header_good(h, of) || h->sum != sum(h + 1, len - sizeof(*h))) {
		munmap(map, len);
		return false;
	}
	/* What was looked at for the sum is in the page cache, not ours. */
	(void)madvise(map, len, MADV_DONTNEED);
	*image = (struct image){ .map = map,
		.map_len = len,
		.body = h + 1,
		.len = len - sizeof(*h) };
	memcpy(image->numbers, h->numbers, sizeof(image->numbers));
	return true;
}

/* The parts, one after another.  NULL: no memory. */
static char *
gather(const struct iovec *parts, size_t n, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < n; i++) {
		*len += parts[i].iov_len;
	}
	char *all = malloc(*len + 1), *p = all;
	for (size_t i = 0; all != NULL && i < n; i++) {
		memcpy(p, parts[i].iov_base, parts[i].iov_len);
		p += parts[i].iov_len;
	}
	return all;
}

static int
write_image(int fd, struct image_header *h, const struct iovec *parts, size_t n)
{
	size_t len;
	char *all = gather(parts, n, &len);

	if (all == NULL) {
		return -1;
	}
	h->sum = sum(all, len);
	h->check = sum(h, offsetof(struct image_header, check));
	int result = file_write(fd, h, sizeof(*h), 0);
	if (result == 0) {
		result = file_write(fd, all, len, (off_t)sizeof(*h));
	}
	free(all);
	return result;
}

bool
image_write(const struct config *config, const char *name,
    const struct stat *of, const uint64_t numbers[IMAGE_NUMBERS],
    const struct iovec *parts, size_t n)
{
	char path[PATH_MAX], new[PATH_MAX], ending[32];
	struct image_header h = { .dev = 0 };
	struct stat st;

	memcpy(h.magic, magic, sizeof(magic));
	memcpy(h.numbers, numbers, sizeof(h.numbers));
	set_file(&h, of);
	snprintf(ending, sizeof(ending), ".%d", (int)getpid());
	if (statefile_path(config, name, "", path) == -1 ||
	    statefile_path(config, name, ending, new) == -1) {
		return false;
	}
	statefile_folder(config);
	(void)unlink(new); /* of a process that was killed */
	int fd = statefile_open(new, O_RDWR | O_CREAT | O_EXCL, &st);
	if (fd == -1) {
		return false;
	}
	bool ok = write_image(fd, &h, parts, n) == 0 && rename(new, path) == 0;
	int saved = errno;
	if (!ok) {
		unlink(new);
	}
	close(fd);
	errno = saved;
	return ok;
}
