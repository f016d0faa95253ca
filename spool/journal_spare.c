/* SPDX-License-Identifier: ISC */
/*
 * A small journal that has its room before the disk is full.  It is blank until
 * it is used, and used once.
 */
#include "spool/journal_private.h"

#include "common/io/file.h"
#include "common/io/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 16 * BLOCK };

static const char spare[] = "journal.spare";

void
journal_keep_spare(int directory)
{
	struct stat st;

	if (directory == -1 ||
	    (fstatat(directory, spare, &st, AT_SYMLINK_NOFOLLOW) == 0
		    ? st.st_size == ROOM
		    : errno != ENOENT)) {
		return;
	}
	(void)unlinkat(directory, spare, 0);
	int fd = owned_open(directory, spare, O_WRONLY | O_CREAT | O_EXCL);
	if (fd != -1) {
		if (posix_fallocate(fd, 0, ROOM) != 0) {
			(void)unlinkat(directory, spare, 0);
		}
		close(fd);
	}
}

/* True if no plan, not even an old one, can be read from the file. */
static bool
is_blank(int fd)
{
	static const char blank[BLOCK];
	char block[BLOCK];
	struct stat st;

	for (off_t at = 0; at < PLAN; at += BLOCK) {
		if (file_read(fd, block, sizeof(block), at) == -1 ||
		    memcmp(block, blank, sizeof(block)) != 0) {
			return false;
		}
	}
	return fstat(fd, &st) == 0 && st.st_size == ROOM;
}

/*
 * By how many octets the stream moves at least: a batch that is no longer than
 * that overlaps no source.
 */
static uint64_t
least_shift(const struct rewrite *r)
{
	uint64_t least = UINT64_MAX, to = r->header.start;

	for (size_t i = 0; i < r->header.count; i++) {
		const struct range *range = &r->ranges[i];
		if (range->is_text == RANGE_MAILBOX &&
		    range->from - to < least) {
			least = range->from - to;
		}
		to += range->len;
	}
	return least;
}

/* Batches that have room there, or need none.  false: not even the plan has. */
static bool
fit(struct rewrite *r)
{
	uint64_t plan = (uint64_t)journal_area(r, 0);

	if (plan > ROOM) {
		return false;
	}
	uint64_t area = (ROOM - plan) / 2, shift = least_shift(r);
	uint64_t most = area > shift ? area : shift;
	r->header.batch = most < r->header.batch ? most : r->header.batch;
	return true;
}

int
journal_take_spare(struct rewrite *r, const char *name)
{
	int fd = owned_open(r->directory, spare, O_RDWR);

	if (fd == -1) {
		errno = ENOSPC;
		return -1;
	}
	bool blank = is_blank(fd);
	if (!blank || !fit(r) ||
	    renameat(r->directory, spare, r->directory, name) == -1) {
		if (!blank) {
			(void)unlinkat(r->directory, spare, 0);
		}
		close(fd);
		errno = ENOSPC;
		return -1;
	}
	r->journal = fd;
	return 0;
}
