/* SPDX-License-Identifier: ISC */
/* XFS_IOC_EXCHANGE_RANGE; ioctl_xfs_exchange_range(2) is its manual. */
#include "spool/exchange.h"

#include "common/io/file.h"
#include "spool/lock_stock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/vfs.h>

enum { WINDOW = 1024 * 1024 };

#define XFS_MAGIC 0x58465342

/* As in the kernel's xfs_fs.h, which few systems have new enough. */
struct exchange_range {
	int32_t file1_fd;
	uint32_t pad;
	uint64_t file1_offset, file2_offset, length, flags;
};

#define EXCHANGE_RANGE _IOW('X', 129, struct exchange_range)
#define EXCHANGE_TO_EOF (1ULL << 0) /* and the sizes change places, too */
#define EXCHANGE_DSYNC (1ULL << 1)

/* A new end of the mailbox being written. */
struct end {
	int from, to;
	uint64_t at;
	char *buffer;
};

static int
copy(struct end *e, uint64_t from, uint64_t len)
{
	while (len > 0) {
		size_t n = len < WINDOW ? (size_t)len : WINDOW;
		if (file_read(e->from, e->buffer, n, (off_t)from) == -1 ||
		    file_write(e->to, e->buffer, n, (off_t)e->at) == -1) {
			return -1;
		}
		from += n;
		e->at += n;
		len -= n;
	}
	return 0;
}

static int
write_end(struct end *e, const struct plan *p)
{
	/* From the start of the block on: only whole ones change places. */
	if (copy(e, e->at, p->start - e->at) == -1) {
		return -1;
	}
	for (size_t i = 0; i < p->count; i++) {
		const struct range *r = &p->ranges[i];
		if (r->is_text != 0) {
			if (file_write(e->to, p->text + r->from, (size_t)r->len,
				(off_t)e->at) == -1) {
				return -1;
			}
			e->at += r->len;
		} else if (copy(e, r->from, r->len) == -1) {
			return -1;
		}
	}
	return fsync(e->to);
}

static int
run(struct end *e, const struct plan *p, uint64_t block, bool *unsynced)
{
	uint64_t start = p->start - p->start % block;
	struct exchange_range x = { .file1_fd = e->to,
		.file1_offset = start,
		.file2_offset = start,
		.flags = EXCHANGE_TO_EOF | EXCHANGE_DSYNC };

	e->at = start;
	e->buffer = malloc(WINDOW);
	if (e->buffer == NULL || ftruncate(e->to, 0) == -1 ||
	    write_end(e, p) == -1) {
		return -1;
	}
	/* Commit point: the file system does this whole, or not at all. */
	if (ioctl(e->from, EXCHANGE_RANGE, &x) == -1) {
		errno =
		    errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL
			? ENOTSUP
			: errno;
		/* With a broken disk it may have happened. */
		*unsynced = errno == EIO;
		return -1;
	}
	*unsynced = fsync(e->from) == -1;
	return *unsynced ? -1 : 0;
}

bool
exchange_is_possible(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == XFS_MAGIC;
}

int
exchange_run(const struct lock *l, const struct plan *p, bool *unsynced)
{
	struct end e = { .from = l->fd };
	struct statfs fs;

	if (!exchange_is_possible(l->fd)) {
		errno = ENOTSUP;
		return -1;
	}
	if (fstatfs(l->fd, &fs) == -1) {
		return -1;
	}
	/* One that could become a dotlock serves as well, once it is empty. */
	e.to = l->stock != NULL ? lock_stock_take(l->stock)
	                        : openat(l->directory, ".",
				      O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (e.to == -1) {
		return -1;
	}
	int result = run(&e, p, (uint64_t)fs.f_bsize, unsynced);
	int saved = errno;
	free(e.buffer);
	close(e.to);
	errno = saved;
	return result;
}

#else

bool
exchange_is_possible(int fd)
{
	(void)fd;
	return false;
}

int
exchange_run(const struct lock *l, const struct plan *p, bool *unsynced)
{
	(void)l;
	(void)p;
	(void)unsynced;
	errno = ENOTSUP;
	return -1;
}

#endif
