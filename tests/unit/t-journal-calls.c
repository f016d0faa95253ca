/* SPDX-License-Identifier: ISC */
/* What the journal calls, by the linker's --wrap, for the disk of t-journal. */
#include "common/tls/crypto.h"
#include "tests/unit/t-journal-store.h"

#include <errno.h>
#include <stdarg.h>

int __real_close(int);

ssize_t __wrap_pread(int, void *, size_t, off_t);
ssize_t __wrap_pwrite(int, const void *, size_t, off_t);
int __wrap_fdatasync(int);
int __wrap_fsync(int);
int __wrap_ftruncate(int, off_t);
int __wrap_openat(int, const char *, int, ...);
int __wrap_unlinkat(int, const char *, int);
int __wrap_renameat(int, const char *, int, const char *);
int __wrap_faccessat(int, const char *, int, int);
int __wrap_fstat(int, struct stat *);
int __wrap_posix_fallocate(int, off_t, off_t);
int __wrap_close(int);

static int
number(int fd)
{
	int n = fd == DISK_MAILBOX ? machine.mailbox
	                           : machine.opened[fd - FIRST_FD];

	scratch_need(n != -1, "an open descriptor");
	return n;
}

static const char *
title(int fd)
{
	return fd == DISK_DIRECTORY ? "directory"
	       : fd == DISK_MAILBOX ? "mailbox"
	                            : "journal";
}

__attribute__((format(printf, 1, 2))) static void
trace(const char *fmt, ...)
{
	va_list ap;

	if (disk_manners.trace) {
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		printf("\n");
	}
}

/* The first of a SHA-256, for traces. */
uint64_t
disk_digest(const void *data, size_t len)
{
	uint8_t digest[CRYPTO_SHA256];
	uint64_t value = 0;

	crypto_sha256(data, len, digest);
	for (int i = 0; i < 8; i++) {
		value = value << 8 | digest[i];
	}
	return value;
}

/* How much a read or write does of what it is told; 0: interrupted. */
static size_t
some(size_t len)
{
	if (!disk_manners.short_calls || store_chance(4) != 0) {
		return len;
	}
	errno = EINTR;
	return store_chance(len + 1);
}

ssize_t
__wrap_pread(int fd, void *data, size_t len, off_t at)
{
	if (machine_next_call(false) != GO_ON) {
		return -1;
	}
	const struct file *f = &machine.files[number(fd)];
	if ((size_t)at >= f->now.len) {
		return 0;
	}
	size_t n = some(len);
	if (n == 0) {
		return -1;
	}
	n = n < f->now.len - (size_t)at ? n : f->now.len - (size_t)at;
	memcpy(data, f->now.data + at, n);
	return (ssize_t)n;
}

ssize_t
__wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	bool was_down = machine.down;
	size_t n = some(len);

	if (n == 0) {
		return -1;
	}
	enum answer answer = machine_next_call(true);
	struct file *f = was_down ? NULL : &machine.files[number(fd)];
	if (answer != GO_ON) {
		if (!was_down && !disk_manners.strict &&
		    (!disk_manners.whole_writes)) {
			file_put(f, data, store_chance(n + 1), (size_t)at);
		}
		return -1;
	}
	file_put(f, data, n, (size_t)at);
	trace("write %s %jd %zu %016jx", title(fd), (intmax_t)at, n,
	    (uintmax_t)disk_digest(data, n));
	return (ssize_t)n;
}

static int
sync_fd(int fd, const char *how)
{
	enum answer answer = machine_next_call(true);

	if (answer == GO_ON) {
		trace("%s %s", how, title(fd));
	}
	if (fd == DISK_DIRECTORY) {
		if (answer == GO_ON && !disk_manners.lazy_directory) {
			names_sync(&machine.directory);
		}
		return answer == GO_ON ? 0 : -1;
	}
	bool lazy = fd == DISK_MAILBOX ? disk_manners.lazy_mailbox
	                               : disk_manners.lazy_journal;
	if (answer == FAIL) {
		int saved = errno;
		file_sync_badly(&machine.files[number(fd)]);
		errno = saved;
	} else if (answer == GO_ON && !lazy) {
		file_sync(&machine.files[number(fd)]);
	}
	return answer == GO_ON ? 0 : -1;
}

int
__wrap_fdatasync(int fd)
{
	return sync_fd(fd, "fdatasync");
}

int
__wrap_fsync(int fd)
{
	return sync_fd(fd, "fsync");
}

int
__wrap_ftruncate(int fd, off_t len)
{
	if (machine_next_call(true) != GO_ON) {
		return -1;
	}
	file_cut(&machine.files[number(fd)], (size_t)len);
	trace("truncate %s %jd", title(fd), (intmax_t)len);
	return 0;
}

int
__wrap_openat(int at, const char *name, int flags, ...)
{
	int n = names_find(&machine.directory.now, name), fd = 0;

	scratch_need(at == DISK_DIRECTORY, "the directory");
	if (machine_next_call((flags & O_CREAT) != 0) != GO_ON) {
		return -1;
	}
	if (((flags & O_CREAT) != 0) == (n != -1)) {
		errno = n == -1 ? ENOENT : EEXIST;
		return -1;
	}
	if (n == -1) {
		n = machine_new_file();
		names_set(&machine.directory, name, n);
		trace("create %s", name);
	}
	while (machine.opened[fd] != -1) {
		fd++;
		scratch_need(fd < OPEN, "fewer open files");
	}
	machine.opened[fd] = n;
	return FIRST_FD + fd;
}

int
__wrap_unlinkat(int at, const char *name, int flags)
{
	scratch_need(at == DISK_DIRECTORY && flags == 0, "the directory");
	if (machine_next_call(true) != GO_ON) {
		return -1;
	}
	if (names_find(&machine.directory.now, name) == -1) {
		errno = ENOENT;
		return -1;
	}
	names_set(&machine.directory, name, -1);
	trace("unlink %s", name);
	return 0;
}

int
__wrap_renameat(int from_at, const char *from, int to_at, const char *to)
{
	if (machine_next_call(true) != GO_ON) {
		return -1;
	}
	scratch_need(from_at == DISK_DIRECTORY && to_at == DISK_DIRECTORY &&
			 disk_exists(from),
	    "a name in the directory");
	names_rename(&machine.directory, from, to);
	trace("rename %s %s", from, to);
	return 0;
}

int
__wrap_faccessat(int at, const char *name, int mode, int flags)
{
	scratch_need(at == DISK_DIRECTORY && mode == F_OK &&
			 flags == AT_SYMLINK_NOFOLLOW,
	    "the directory");
	if (machine_next_call(false) != GO_ON) {
		return -1;
	}
	errno = ENOENT;
	return disk_exists(name) ? 0 : -1;
}

int
__wrap_fstat(int fd, struct stat *st)
{
	if (machine_next_call(false) != GO_ON) {
		return -1;
	}
	memset(st, 0, sizeof(*st));
	st->st_uid = geteuid();
	if (fd == DISK_DIRECTORY) {
		return 0;
	}
	st->st_mode = S_IFREG | 0600;
	st->st_nlink = 1;
	st->st_dev = (dev_t)machine.device;
	st->st_ino = (ino_t)number(fd) + 100;
	st->st_size = (off_t)machine.files[number(fd)].now.len;
	return 0;
}

int
__wrap_posix_fallocate(int fd, off_t at, off_t len)
{
	if (machine_next_call(true) != GO_ON) {
		return errno;
	}
	if (disk_manners.no_fallocate) {
		return EOPNOTSUPP;
	}
	if (disk_manners.full) {
		return ENOSPC;
	}
	file_grow(&machine.files[number(fd)], (size_t)(at + len));
	trace("allocate %s %jd %jd", title(fd), (intmax_t)at, (intmax_t)len);
	return 0;
}

int
__wrap_close(int fd)
{
	if (fd < FIRST_FD) {
		return __real_close(fd);
	}
	machine.opened[fd - FIRST_FD] = -1;
	return 0;
}
