/* SPDX-License-Identifier: ISC */
/*
 * fcntl and dotlock on mailboxes, as Debian's policy 11.6 has them.  The
 * dotlock is made by link(2) of a file of our own, and holds our process id in
 * at most 16 bytes (procmail breaks larger ones).
 */
#include "spool/lock.h"

#include "common/io/file.h"
#include "spool/lock_stock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	FIRST_PAUSE = 10, /* ms */
	LONGEST_PAUSE = 25,
	STALE_SECONDS = 300, /* what liblockfile and qpopper wait, too */
	EMPTY_SECONDS = 5,   /* for one that names nobody: a crash emptied it */
	AHEAD_SECONDS = 2,   /* that a clock may be set back */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
pause_ms(uint32_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static bool
lock_name(const struct lock *l, char name[NAME_MAX + 1])
{
	int n = snprintf(name, NAME_MAX + 1, "%s.lock", l->name);

	return n > 0 && n <= NAME_MAX;
}

/* True if a process of that id runs here. */
static bool
alive(long pid)
{
	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/*
 * True if a file with that time cannot be one that somebody holds: it is from
 * before the system was started, after a power cut, or from a time to come,
 * which would never age.
 */
static bool
is_of_another_time(time_t changed)
{
	struct timespec up = { .tv_sec = 0 };
	time_t now = time(NULL);

	return changed > now + AHEAD_SECONDS ||
	       (clock_gettime(CLOCK_BOOTTIME, &up) == 0 &&
		   changed < now - up.tv_sec);
}

/*
 * True if the owner of the dotlock is gone: a process of this machine
 * that is gone, or that was there before it started, or untouched for
 * STALE_SECONDS; for EMPTY_SECONDS if nothing is in it.  Asked only while we
 * hold the fcntl lock, so no two of us break it at once.
 */
static bool
stale(const struct lock *l, const char *name, struct stat *st)
{
	char text[32] = "";
	int fd = openat(
	    l->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1 && errno != EACCES) {
		return false;
	}
	bool known =
	    fd == -1
		? fstatat(l->directory, name, st, AT_SYMLINK_NOFOLLOW) == 0
		: fstat(fd, st) == 0 && read(fd, text, sizeof(text) - 1) != -1;
	if (fd != -1) {
		close(fd);
	}
	if (!known || !S_ISREG(st->st_mode)) {
		return false;
	}
	char *end;
	long pid = strtol(text, &end, 10);
	/* liblockfile writes 0 to name no process. */
	if (pid > 0 && (*end == '\n' || *end == '\0') && !alive(pid)) {
		return true;
	}
	return is_of_another_time(st->st_mtime) ||
	       time(NULL) - st->st_mtime >
	           (st->st_size == 0 ? EMPTY_SECONDS : STALE_SECONDS);
}

/*
 * The process that has made a temporary file of this mailbox's lock, by its
 * name: NAME.lkPID.8HEX or NAME.stPID.8HEX; 0: it is none.
 */
static long
maker(const struct lock *l, const char *name)
{
	size_t n = strlen(l->name);
	char *end;

	if (strncmp(name, l->name, n) != 0 ||
	    (strncmp(name + n, ".lk", 3) != 0 &&
		strncmp(name + n, ".st", 3) != 0) ||
	    name[n + 3] < '1' || name[n + 3] > '9') {
		return 0;
	}
	long pid = strtol(name + n + 3, &end, 10);
	return *end == '.' && strlen(end + 1) == 8 &&
	               strspn(end + 1, "0123456789abcdef") == 8
	           ? pid
	           : 0;
}

void
lock_collect(const struct lock *l)
{
	const struct dirent *e;
	struct stat st;
	int fd = openat(l->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	while (d != NULL && (e = readdir(d)) != NULL) {
		long pid = maker(l, e->d_name);
		if (pid > 0 &&
		    fstatat(l->directory, e->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    (!alive(pid) || is_of_another_time(st.st_mtime))) {
			unlinkat(l->directory, e->d_name, 0);
		}
	}
	if (d != NULL) {
		closedir(d);
	} else if (fd != -1) {
		close(fd);
	}
}

/*
 * Removes a stale dotlock, and not a fresh one that has come in its place: it
 * is moved aside, looked at, and given back if it is another one.
 */
static void
break_stale(const struct lock *l, const char *name)
{
	char aside[NAME_MAX + 1];
	struct stat was, is;

	if (!stale(l, name, &was) ||
	    snprintf(aside, sizeof(aside), "%s.st%d.%08x", l->name,
		(int)getpid(), (unsigned)arc4random()) > NAME_MAX ||
	    renameat(l->directory, name, l->directory, aside) == -1) {
		return;
	}
	if (fstatat(l->directory, aside, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (is.st_ino != was.st_ino || is.st_dev != was.st_dev ||
		is.st_mtim.tv_sec != was.st_mtim.tv_sec ||
		is.st_mtim.tv_nsec != was.st_mtim.tv_nsec) &&
	    renameat2(l->directory, aside, l->directory, name,
		RENAME_NOREPLACE) == 0) {
		return;
	}
	unlinkat(l->directory, aside, 0);
	lock_collect(l);
}

/* Makes a file of our own in the directory, for link(2).  -1 with errno. */
static int
own_file(const struct lock *l, char name[NAME_MAX + 1], struct stat *st)
{
	char text[17];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	int n = snprintf(name, NAME_MAX + 1, "%s.lk%d.%08x", l->name,
	    (int)getpid(), (unsigned)arc4random());

	if (n < 0 || n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = openat(l->directory, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1) {
		return -1;
	}
	bool ok = lock_write(fd, text, (size_t)len) == 0 && fstat(fd, st) == 0;
	int saved = errno;
	if (close(fd) == -1 && ok) {
		saved = errno;
		ok = false;
	}
	if (!ok) {
		unlinkat(l->directory, name, 0);
		errno = saved;
		return -1;
	}
	return 0;
}

/* Links a file of our own as the dotlock.  0, or -1 with errno. */
static int
link_own_file(const struct lock *l, const char *name)
{
	char own[NAME_MAX + 1];
	struct stat mine, theirs;

	if (own_file(l, own, &mine) == -1) {
		return -1;
	}
	int why = linkat(l->directory, own, l->directory, name, 0) == -1
	              ? errno
	              : EEXIST;
	/* What link() says may be wrong over a network: the names count.
	 */
	bool ours =
	    fstatat(l->directory, name, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
	    mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
	unlinkat(l->directory, own, 0);
	errno = why;
	return ours ? 0 : -1;
}

/* Tries once.  0, or -1 with errno; EWOULDBLOCK: another program has it. */
static int
dotlock(struct lock *l)
{
	char name[NAME_MAX + 1];

	if (!lock_name(l, name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int result = l->stock == NULL
	                 ? link_own_file(l, name)
	                 : lock_stock_link(l->stock, l->directory, name);
	l->dotlock = result == 0;
	if (result == -1 && errno == EEXIST) {
		break_stale(l, name);
		errno = EWOULDBLOCK;
	}
	return result;
}

/*
 * True if a writer that knows dotlocks alone is at work.  A reader respects
 * that, and leaves no file of its own.
 */
static bool
dotlocked(const struct lock *l)
{
	char name[NAME_MAX + 1];
	struct stat st;

	if (!lock_name(l, name) ||
	    fstatat(l->directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    stale(l, name, &st)) {
		return false;
	}
	errno = EWOULDBLOCK;
	return true;
}

/* Checks that the path still names the open file, and that it is ours. */
static int
verify(const struct lock *l)
{
	struct stat byfd, bypath;

	if (fstat(l->fd, &byfd) == -1 ||
	    fstatat(l->directory, l->name, &bypath, AT_SYMLINK_NOFOLLOW) ==
		-1 ||
	    byfd.st_dev != bypath.st_dev || byfd.st_ino != bypath.st_ino) {
		errno = ESTALE; /* replaced meanwhile: open it again */
		return -1;
	}
	if (!S_ISREG(byfd.st_mode) || byfd.st_nlink != 1 ||
	    byfd.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
try_lock(struct lock *l, enum lock_mode mode)
{
	struct flock whole = { .l_type =
				   mode == LOCK_TO_READ ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET };
	int flags = mode == LOCK_TO_READ ? O_RDONLY : O_RDWR;

	flags |= mode == LOCK_TO_CREATE ? O_CREAT : 0;
	l->fd = openat(l->directory, l->name,
	    flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);
	if (l->fd == -1) {
		return -1;
	}
	if (fcntl(l->fd, F_OFD_SETLK, &whole) == -1) {
		errno =
		    errno == EACCES || errno == EAGAIN ? EWOULDBLOCK : errno;
		return -1;
	}
	if (mode == LOCK_TO_READ ? dotlocked(l) : dotlock(l) == -1) {
		return -1;
	}
	return verify(l);
}

/* again: the stock gets the dotlock back, if it takes it. */
static void
undo(struct lock *l, bool again)
{
	char name[NAME_MAX + 1];
	int saved = errno;

	if (l->dotlock && lock_name(l, name)) {
		if (!again || l->stock == NULL ||
		    !lock_stock_put_back(l->stock, l->directory, name)) {
			unlinkat(l->directory, name, 0);
		}
		l->dotlock = false;
	}
	if (l->fd != -1) {
		close(l->fd);
		l->fd = -1;
	}
	errno = saved;
}

static int
open_directory(struct lock *l, const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	if (strlcpy(l->name, name, sizeof(l->name)) >= sizeof(l->name) ||
	    strlcpy(directory, slash == NULL ? "." : path, sizeof(directory)) >=
		sizeof(directory)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (slash != NULL) {
		directory[slash == path ? 1 : slash - path] = '\0';
	}
	l->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return l->directory == -1 ? -1 : 0;
}

int
lock_take(struct lock *l, const char *path, enum lock_mode mode, int timeout)
{
	return lock_take_by(l, path, NULL, mode, timeout);
}

int
lock_take_by(struct lock *l, const char *path, struct lock_stock *stock,
    enum lock_mode mode, int timeout)
{
	int64_t deadline = now_ms() + timeout;
	uint32_t pause = FIRST_PAUSE;

	*l = (struct lock){ .fd = -1, .directory = -1, .stock = stock };
	if (open_directory(l, path) == -1) {
		return -1;
	}
	while (try_lock(l, mode) == -1) {
		undo(l, true);
		bool again = errno == EWOULDBLOCK || errno == ESTALE;
		if (!again || now_ms() >= deadline) {
			errno = errno == ESTALE ? EWOULDBLOCK : errno;
			int saved = errno;
			close(l->directory);
			l->directory = -1;
			errno = saved;
			return -1;
		}
		pause_ms(pause / 2 + arc4random_uniform(pause));
		pause = pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : pause * 2;
	}
	return 0;
}

void
lock_touch(const struct lock *l)
{
	char name[NAME_MAX + 1];

	if (l->dotlock && lock_name(l, name)) {
		utimensat(l->directory, name, NULL, 0);
	}
}

static void
release(struct lock *l, bool again)
{
	undo(l, again);
	if (l->directory != -1) {
		close(l->directory);
		l->directory = -1;
	}
}

void
lock_release(struct lock *l)
{
	release(l, false);
}

void
lock_put_back(struct lock *l)
{
	release(l, true);
}
