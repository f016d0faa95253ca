/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into a program under test: kills it at one of its calls, or makes
 * that call fail, or do half of its work.  What to do and what was done is in
 * the file $SWEEP_CONTROL, which tests/lib/sweep.py maps too.  A process is
 * concerned from the moment it names something below control->arm.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* No file system does half of a write of fewer octets than WHOLE. */
enum { MOST = 4000, FILES = 256, NAME = 16, PATH = 48, WHOLE = 16 };

/* In the order of tests/lib/sweep.py. */
enum mode {
	COUNT,
	KILL,
	HALF,
	FAIL,
	FAIL_ON,
	SHORT,
	TINY,
	NO_SYNC,
	NO_JOURNAL
};

enum action { PASS, ERROR, PART, PART_AND_DIE, PRETEND };

struct call {
	char name[NAME], path[PATH];
};

struct control {
	uint32_t mode, at, error, count, hit, spare;
	char arm[240];
	char only[256]; /* for FAIL_ON: " write pwrite " */
	struct call calls[MOST];
};

static struct control *control;
static bool armed;
static char names[FILES][PATH]; /* of open descriptors */

#define REAL(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("SWEEP_CONTROL");
	int fd = path == NULL ? -1 : REAL(open)(path, O_RDWR | O_CLOEXEC);

	if (fd != -1) {
		void *map = REAL(mmap)(NULL, sizeof(*control),
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		control = map == MAP_FAILED ? NULL : map;
		REAL(close)(fd);
	}
}

static void
die(void)
{
	syscall(SYS_kill, getpid(), SIGKILL);
	__builtin_trap();
}

static void
look(const char *path)
{
	if (control != NULL && !armed && control->arm[0] != '\0' &&
	    strncmp(path, control->arm, strlen(control->arm)) == 0) {
		armed = true;
	}
}

static const char *
name_of(int fd)
{
	return fd >= 0 && fd < FILES ? names[fd] : "";
}

/* The last part of a path; "home" is the user's own folder. */
static const char *
short_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return control != NULL && strcmp(path, control->arm) == 0 ? "home"
	       : slash == NULL                                    ? path
	                                                          : slash + 1;
}

static void
opened(int fd, const char *path)
{
	if (armed && fd >= 0 && fd < FILES) {
		strncpy(names[fd], short_name(path), PATH - 1);
	}
}

static bool
is_sync(const char *name)
{
	return strcmp(name, "fsync") == 0 || strcmp(name, "fdatasync") == 0;
}

static bool
is_write(const char *name)
{
	return strcmp(name, "write") == 0 || strcmp(name, "pwrite") == 0;
}

static bool
listed(const char *name)
{
	const char *p = strstr(control->only, name);

	return p != NULL && p > control->only && p[-1] == ' ' &&
	       p[strlen(name)] == ' ';
}

/* Counts a call and says what shall become of it. */
static enum action
enter(const char *name, const char *path)
{
	if (!armed) {
		return PASS;
	}
	uint32_t n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
	if (n <= MOST) {
		strncpy(control->calls[n - 1].name, name, NAME - 1);
		strncpy(control->calls[n - 1].path, path, PATH - 1);
	}
	bool here = n == control->at;
	switch ((enum mode)control->mode) {
	case NO_SYNC:
		return is_sync(name) ? PRETEND : PASS;
	case NO_JOURNAL:
		here = strcmp(path, "journal") == 0 &&
		       (is_sync(name) || is_write(name));
		return here ? PRETEND : PASS;
	case TINY:
		return PART;
	case FAIL_ON:
		here = n >= control->at && listed(name);
		break;
	case COUNT:
		return PASS;
	default:
		break;
	}
	if (!here) {
		return PASS;
	}
	control->hit = control->hit == 0 ? n : control->hit;
	if (control->mode == SHORT) {
		return PART;
	}
	if (control->mode == HALF && is_write(name)) {
		return PART_AND_DIE;
	}
	if (control->mode == KILL || control->mode == HALF) {
		die();
	}
	errno = (int)control->error;
	return ERROR;
}

static size_t
part(size_t len, enum action a)
{
	if (a == PASS || len < WHOLE) {
		return len;
	}
	return control->mode == TINY && len > 1000 ? 1000 : len / 2;
}

/* ---- calls that do something to a file ---- */

#define SIMPLE(type, f, declared, args, path)                                  \
	type f declared                                                        \
	{                                                                      \
		enum action a = enter(#f, path);                               \
		return a == ERROR ? -1 : a == PRETEND ? 0 : REAL(f) args;      \
	}

#define MOVE(f, declared, args)                                                \
	ssize_t f declared                                                     \
	{                                                                      \
		enum action a = enter(#f, name_of(fd));                        \
		if (a == ERROR) {                                              \
			return -1;                                             \
		}                                                              \
		if (a == PRETEND) {                                            \
			return (ssize_t)len;                                   \
		}                                                              \
		len = part(len, a);                                            \
		ssize_t n = REAL(f) args;                                      \
		if (a == PART_AND_DIE) {                                       \
			die();                                                 \
		}                                                              \
		return n;                                                      \
	}

MOVE(read, (int fd, void *data, size_t len), (fd, data, len))
MOVE(write, (int fd, const void *data, size_t len), (fd, data, len))
MOVE(pread, (int fd, void *data, size_t len, off_t at), (fd, data, len, at))
MOVE(pwrite, (int fd, const void *data, size_t len, off_t at),
    (fd, data, len, at))
SIMPLE(int, fsync, (int fd), (fd), name_of(fd))
SIMPLE(int, fdatasync, (int fd), (fd), name_of(fd))
SIMPLE(int, ftruncate, (int fd, off_t len), (fd, len), name_of(fd))
SIMPLE(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags),
    path)
SIMPLE(int, linkat,
    (int from, const char *path, int to, const char *as, int flags),
    (from, path, to, as, flags), path)
SIMPLE(int, renameat, (int from, const char *path, int to, const char *as),
    (from, path, to, as), path)
SIMPLE(int, renameat2,
    (int from, const char *path, int to, const char *as, unsigned flags),
    (from, path, to, as, flags), path)
SIMPLE(int, fstat, (int fd, struct stat *st), (fd, st), name_of(fd))
SIMPLE(int, fstatat, (int fd, const char *path, struct stat *st, int flags),
    (fd, path, st, flags), path)
SIMPLE(int, faccessat, (int fd, const char *path, int mode, int flags),
    (fd, path, mode, flags), path)
SIMPLE(int, utimensat,
    (int fd, const char *path, const struct timespec times[2], int flags),
    (fd, path, times, flags), path)
SIMPLE(int, futimens, (int fd, const struct timespec times[2]), (fd, times),
    name_of(fd))
SIMPLE(int, fchmod, (int fd, mode_t mode), (fd, mode), name_of(fd))
SIMPLE(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode),
    path)
SIMPLE(ssize_t, send, (int fd, const void *data, size_t len, int flags),
    (fd, data, len, flags), "")

int
mkdir(const char *path, mode_t mode)
{
	look(path);
	return enter("mkdir", "") == ERROR ? -1 : REAL(mkdir)(path, mode);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	int saved = errno;
	enum action a = enter("posix_fallocate", name_of(fd));

	errno = saved;
	return a == ERROR ? (int)control->error
	                  : REAL(posix_fallocate)(fd, at, len);
}

int
close(int fd)
{
	enum action a = enter("close", name_of(fd));
	int error = errno, result = REAL(close)(fd);

	if (a == ERROR) {
		errno = error;
		return -1;
	}
	return result;
}

void *
mmap(void *at, size_t len, int protection, int flags, int fd, off_t from)
{
	return enter("mmap", name_of(fd)) == ERROR
	           ? MAP_FAILED
	           : REAL(mmap)(at, len, protection, flags, fd, from);
}

int
fcntl(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *value = va_arg(list, void *);
	va_end(list);
	return enter("fcntl", name_of(fd)) == ERROR
	           ? -1
	           : REAL(fcntl)(fd, command, value);
}

static int
open_any(int directory, const char *path, int flags, mode_t mode)
{
	look(path);
	if (enter("open", short_name(path)) == ERROR) {
		return -1;
	}
	int fd = REAL(openat)(directory, path, flags, mode);
	opened(fd, path);
	return fd;
}

int
openat(int directory, const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode =
	    (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
	va_end(list);
	return open_any(directory, path, flags, mode);
}

int
open(const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode =
	    (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
	va_end(list);
	return open_any(AT_FDCWD, path, flags, mode);
}

/* ---- other names of the same: fortified builds, large files ---- */

ssize_t
__read_chk(int fd, void *data, size_t len, size_t room)
{
	return len > room ? -1 : read(fd, data, len);
}

ssize_t
__pread_chk(int fd, void *data, size_t len, off_t at, size_t room)
{
	return len > room ? -1 : pread(fd, data, len, at);
}

int
__open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}

int
__openat_2(int directory, const char *path, int flags)
{
	return open_any(directory, path, flags, 0);
}

#if __SIZEOF_LONG__ == 8
#define ALSO(name, of) extern __typeof__(of) name __attribute__((alias(#of)))

ALSO(open64, open);
ALSO(openat64, openat);
ALSO(pread64, pread);
ALSO(pwrite64, pwrite);
ALSO(ftruncate64, ftruncate);
ALSO(posix_fallocate64, posix_fallocate);
ALSO(mmap64, mmap);
ALSO(fcntl64, fcntl);
ALSO(__pread64_chk, __pread_chk);
ALSO(__open64_2, __open_2);
ALSO(__openat64_2, __openat_2);
#endif
