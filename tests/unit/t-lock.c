/* SPDX-License-Identifier: ISC */
/*
 * The lock of a mailbox: that two never have it, that a dead owner's is
 * broken and a living one's is not, and that nobody waits for ever, whatever
 * order the others take the two locks in.
 */
#include "spool/lock.h"

#include "spool/lock_stock.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <utime.h>

enum { LONG = 60000, OURS = 200 }; /* ms; locks taken in a race */

static char path[PATH_MAX], dotlock[PATH_MAX];

/* Tries in a child, which has a lock of its own; errno, or 0. */
static int
try_elsewhere(enum lock_mode mode, int timeout)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct lock l;
		if (lock_take(&l, path, mode, timeout) == -1) {
			_exit(errno);
		}
		lock_release(&l);
		_exit(0);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_exclusion(void)
{
	static const struct {
		const char *name;
		enum lock_mode ours, theirs;
		int result;
	} cases[] = {
		{ "a writer keeps a writer out", LOCK_TO_WRITE, LOCK_TO_WRITE,
		    EWOULDBLOCK },
		{ "a writer keeps a delivery out", LOCK_TO_WRITE,
		    LOCK_TO_CREATE, EWOULDBLOCK },
		{ "a delivery keeps a delivery out", LOCK_TO_CREATE,
		    LOCK_TO_CREATE, EWOULDBLOCK },
		{ "a writer keeps a reader out", LOCK_TO_WRITE, LOCK_TO_READ,
		    EWOULDBLOCK },
		{ "a reader keeps a writer out", LOCK_TO_READ, LOCK_TO_WRITE,
		    EWOULDBLOCK },
		{ "a reader lets a reader in", LOCK_TO_READ, LOCK_TO_READ, 0 },
	};
	struct lock l;

	scratch_write(path, "x", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = lock_take(&l, path, cases[i].ours, 0) == 0;
		good = good &&
		       try_elsewhere(cases[i].theirs, 0) == cases[i].result;
		struct lock same;
		int again = lock_take(&same, path, cases[i].theirs, 0);
		good = good && (again == 0) == (cases[i].result == 0);
		if (again == 0) {
			lock_release(&same);
		}
		lock_release(&l);
		ok(good && try_elsewhere(cases[i].theirs, 0) == 0 &&
			access(dotlock, F_OK) == -1,
		    "%s, and only while it has the lock", cases[i].name);
	}
}

static void
test_dotlock(void)
{
	struct lock l;
	struct stat st;
	char own[32];
	size_t len;

	bool good = lock_take(&l, path, LOCK_TO_WRITE, 0) == 0;
	char *text = scratch_read(dotlock, &len);
	snprintf(own, sizeof(own), "%d\n", (int)getpid());
	ok(good && strcmp(text, own) == 0 && len <= 16,
	    "the dotlock holds our process id");
	free(text);
	struct utimbuf old = { .actime = 1000, .modtime = 1000 };
	scratch_need(utime(dotlock, &old) == 0, "utime");
	lock_touch(&l);
	ok(stat(dotlock, &st) == 0 && st.st_mtime > 1000,
	    "a touch makes it young again");
	ok(stat(dotlock, &st) == 0 && st.st_nlink == 1,
	    "the file that it was made of is gone");
	lock_release(&l);
	ok(access(dotlock, F_OK) == -1, "it goes with the lock");
	good = lock_take(&l, path, LOCK_TO_READ, 0) == 0;
	ok(good && access(dotlock, F_OK) == -1, "a reader makes none");
	lock_release(&l);
}

/* A process that has come and gone. */
static pid_t
dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return pid;
}

/* Puts a dotlock there and tries to lock. */
static int
with_dotlock(const char *text, size_t len, int age)
{
	struct lock l;
	struct utimbuf times = { .modtime = time(NULL) - age };

	times.actime = times.modtime;
	scratch_write(dotlock, text, len);
	scratch_need(utime(dotlock, &times) == 0, "utime");
	int result = lock_take(&l, path, LOCK_TO_WRITE, age == 0 ? 300 : 3000);
	int saved = errno;
	if (result == 0) {
		lock_release(&l);
	}
	unlink(dotlock);
	return result == 0 ? 0 : saved;
}

/* Dotlocks whose time tells that nobody holds them. */
static void
test_other_times(const char *alive)
{
	struct timespec up = { .tv_sec = 0 };

	scratch_need(clock_gettime(CLOCK_BOOTTIME, &up) == 0, "the uptime");
	const struct {
		const char *name, *text;
		int age, result;
	} cases[] = {
		{ "from before the boot", "", (int)up.tv_sec + 20, 0 },
		{ "from before it, whoever has that process id now", alive,
		    (int)up.tv_sec + 20, 0 },
		{ "from before it, of another form", "host:1\n",
		    (int)up.tv_sec + 20, 0 },
		{ "from an hour ahead", alive, -3600, 0 },
		{ "from a year ahead, empty", "", -365 * 86400, 0 },
		{ "from a moment ahead", alive, -1, EWOULDBLOCK },
		{ "empty, some seconds old", "", 20, 0 },
		{ "empty, a second old", "", 1, EWOULDBLOCK },
		{ "of nobody, some seconds old", "0", 20, EWOULDBLOCK },
		{ "of the living, some seconds old", alive, 20, EWOULDBLOCK },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(with_dotlock(cases[i].text, strlen(cases[i].text),
		       cases[i].age) == cases[i].result,
		    "a dotlock %s is %s", cases[i].name,
		    cases[i].result == 0 ? "broken" : "respected");
	}
}

/* What a crash has left of the making of locks goes with a stale one. */
static void
test_leftovers(void)
{
	static const struct {
		const char *format; /* of a process id */
		bool dead, stays;
	} cases[] = {
		{ "box.lk%d.0123abcd", true, false },
		{ "box.st%d.0123abcd", true, false },
		{ "box.lk%d.0123abcd", false, true },
		{ "box.lk%d.0123abc", true, true },
		{ "box.lk%d.0123abcdx", true, true },
		{ "box.lk%dx0123abcd", true, true },
		{ "box2.lk%d.0123abcd", true, true },
		{ "xbox.lk%d.0123abcd", true, true },
		{ "box.lx%d.0123abcd", true, true },
		{ "box.lk-%d.0123abcd", true, true },
	};
	enum { N = sizeof(cases) / sizeof(cases[0]) };
	char names[N][PATH_MAX], name[NAME_MAX], dead[32];

	for (size_t i = 0; i < N; i++) {
		/* The format is one of the table. */
		const char *at = strchr(cases[i].format, '%');
		snprintf(name, sizeof(name), "%.*s%d%s",
		    (int)(at - cases[i].format), cases[i].format,
		    (int)(cases[i].dead ? dead_pid() : getppid()), at + 2);
		scratch_write(scratch_path(names[i], name), "", 0);
	}
	snprintf(dead, sizeof(dead), "%d\n", (int)dead_pid());
	bool good = with_dotlock(dead, strlen(dead), 0) == 0;
	for (size_t i = 0; i < N; i++) {
		ok(good && (access(names[i], F_OK) == 0) == cases[i].stays,
		    "%s%s %s", cases[i].format, cases[i].dead ? "" : " alive",
		    cases[i].stays ? "stays" : "goes");
		unlink(names[i]);
	}
}

static void
test_stale(void)
{
	char dead[32], alive[32];

	snprintf(dead, sizeof(dead), "%d\n", (int)dead_pid());
	snprintf(alive, sizeof(alive), "%d\n", (int)getppid());
	ok(with_dotlock(dead, strlen(dead), 0) == 0,
	    "a dead owner's is broken");
	ok(with_dotlock(dead, strlen(dead) - 1, 0) == 0,
	    "without a line end, too");
	ok(with_dotlock(alive, strlen(alive), 0) == EWOULDBLOCK,
	    "a living owner's is respected");
	ok(with_dotlock("1\n", 2, 0) == EWOULDBLOCK, "init's is respected");
	ok(with_dotlock("", 0, 0) == EWOULDBLOCK, "an empty one is respected");
	ok(with_dotlock("0", 1, 0) == EWOULDBLOCK,
	    "liblockfile's is respected");
	ok(with_dotlock("-5\n", 3, 0) == EWOULDBLOCK,
	    "a negative number is nobody's death");
	ok(with_dotlock("99999999999999999999\n", 21, 0) == EWOULDBLOCK,
	    "nor is a number that no process can have");
	ok(with_dotlock("host:1:2\n", 9, 0) == EWOULDBLOCK,
	    "one of another form is respected");
	ok(with_dotlock("", 0, 400) == 0, "an old one is broken");
	ok(with_dotlock(alive, strlen(alive), 400) == 0,
	    "even if somebody has that process id now");
	ok(with_dotlock("0", 1, 200) == EWOULDBLOCK, "one not so old is not");
	test_other_times(alive);
	scratch_need(symlink("/nonexistent", dotlock) == 0, "symlink");
	ok(try_elsewhere(LOCK_TO_WRITE, 200) == EWOULDBLOCK,
	    "a symbolic link is respected");
	unlink(dotlock);
}

static void
test_files(void)
{
	char other[PATH_MAX], missing[PATH_MAX];
	struct lock l;
	struct stat st;

	scratch_path(other, "other");
	scratch_path(missing, "missing");
	ok(lock_take(&l, missing, LOCK_TO_WRITE, 0) == -1 && errno == ENOENT,
	    "a missing mailbox is ENOENT");
	ok(lock_take(&l, missing, LOCK_TO_READ, 0) == -1 && errno == ENOENT,
	    "for a reader, too");
	umask(0);
	bool good = lock_take(&l, missing, LOCK_TO_CREATE, 0) == 0;
	ok(good && stat(missing, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "a delivery makes it, its owner's alone");
	lock_release(&l);
	scratch_need(link(path, other) == 0, "link");
	ok(lock_take(&l, path, LOCK_TO_WRITE, 0) == -1 && errno == EPERM,
	    "a hard link is refused");
	ok(access(dotlock, F_OK) == -1, "and leaves no dotlock");
	unlink(other);
	scratch_need(symlink(path, other) == 0, "symlink");
	ok(lock_take(&l, other, LOCK_TO_CREATE, 0) == -1,
	    "a symbolic link is refused");
	unlink(other);
	scratch_need(mkfifo(other, 0600) == 0, "mkfifo");
	ok(lock_take(&l, other, LOCK_TO_WRITE, 0) == -1, "a FIFO is refused");
	ok(lock_take(&l, other, LOCK_TO_READ, 0) == -1, "by a reader, too");
	unlink(other);
	ok(lock_take(&l, scratch_dir, LOCK_TO_READ, 0) == -1,
	    "a folder is refused");
	ok(lock_take(&l, "/nonexistent/box", LOCK_TO_CREATE, 0) == -1 &&
		errno == ENOENT,
	    "no folder is ENOENT");
	char name[NAME_MAX + 8] = "";
	memset(name, 'n', NAME_MAX + 1);
	ok(lock_take(&l, name, LOCK_TO_READ, 0) == -1 && errno == ENAMETOOLONG,
	    "a name that is too long");
	scratch_need(chdir(scratch_dir) == 0, "chdir");
	ok(lock_take(&l, "box", LOCK_TO_WRITE, 0) == 0, "a relative path");
	lock_release(&l);
}

/*
 * The mailbox is replaced (by an editor, say) while we wait: who gets the
 * lock must have the file that the path names.
 */
static void
test_replaced(void)
{
	struct stat st;
	char other[PATH_MAX];
	int status, go[2];

	scratch_path(other, "other");
	scratch_write(other, "new", 3);
	scratch_need(pipe(go) == 0 && stat(other, &st) == 0, "pipe");
	struct lock l;
	scratch_need(lock_take(&l, path, LOCK_TO_WRITE, 0) == 0, "lock_take");
	pid_t pid = fork();
	if (pid == 0) {
		struct lock mine;
		struct stat got;
		close(l.fd); /* an inherited descriptor holds the lock */
		scratch_need(write(go[1], "x", 1) == 1, "write");
		bool good = lock_take(&mine, path, LOCK_TO_WRITE, LONG) == 0 &&
		            fstat(mine.fd, &got) == 0 &&
		            got.st_ino == st.st_ino;
		_exit(good ? 0 : 1);
	}
	char c;
	scratch_need(read(go[0], &c, 1) == 1, "read");
	scratch_need(rename(other, path) == 0, "rename");
	lock_release(&l);
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "a replaced mailbox is noticed");
	unlink(dotlock); /* of the child, which kept it */
	close(go[0]);
	close(go[1]);
}

/* ---- others, who wait for each lock while they hold the other ---- */

static void
nap(void)
{
	struct timespec ts = { .tv_nsec = 1000000 };

	nanosleep(&ts, NULL);
}

static void
wait_fcntl(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	scratch_need(fcntl(fd, F_SETLKW, &whole) == 0, "F_SETLKW");
}

static void
wait_dotlock(void)
{
	int fd;

	while ((fd = open(dotlock, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1) {
		nap();
	}
	close(fd);
}

/* Takes both locks until it is killed; counts in the mailbox. */
static void
other_program(bool fcntl_first, int counter)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fcntl_first) {
			wait_fcntl(fd);
			nap(); /* time enough to meet us in between */
			wait_dotlock();
		} else {
			wait_dotlock();
			nap();
			wait_fcntl(fd);
		}
		char c = 'x';
		scratch_need(write(counter, &c, 1) == 1, "write");
		unlink(dotlock);
		close(fd);
		nap();
	}
}

static void
race(bool fcntl_first)
{
	char file[PATH_MAX];
	struct stat st;
	int taken = 0;
	int counter = open(scratch_path(file, "counter"),
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid = fork();

	if (pid == 0) {
		other_program(fcntl_first, counter);
	}
	for (int i = 0; i < OURS; i++) {
		struct lock l;
		if (lock_take(&l, path, LOCK_TO_WRITE, LONG) == 0) {
			taken++;
			lock_release(&l);
		}
	}
	do {
		nap(); /* it must get its turn, too */
		scratch_need(fstat(counter, &st) == 0, "fstat");
	} while (st.st_size < 10);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(dotlock);
	close(counter);
	ok(taken == OURS, "%d locks against one who takes %s", OURS,
	    fcntl_first ? "fcntl, then dotlock" : "dotlock, then fcntl");
}

/* Four of ours count up a number in the mailbox; none of it gets lost. */
static void
test_counting(void)
{
	pid_t pids[4];
	int status, bad = 0;
	size_t len;

	scratch_write(path, "0", 1);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		for (int k = 0; pids[i] == 0 && k < 50; k++) {
			struct lock l;
			char text[16] = "";
			if (lock_take(&l, path, LOCK_TO_WRITE, LONG) == -1 ||
			    pread(l.fd, text, sizeof(text) - 1, 0) <= 0) {
				_exit(1);
			}
			int n = snprintf(text, sizeof(text), "%ld",
			    strtol(text, NULL, 10) + 1);
			if (pwrite(l.fd, text, (size_t)n, 0) != n) {
				_exit(1);
			}
			lock_release(&l);
		}
		if (pids[i] == 0) {
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++) {
		waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	char *text = scratch_read(path, &len);
	ok(bad == 0 && strcmp(text, "200") == 0, "four count to 200: %s", text);
	free(text);
}

/* ---- one file for many dotlocks ---- */

static int folder;
static char lasting[PATH_MAX];

/*
 * Takes the lock by that stock: true if the dotlock is there, and ours.
 * back: the file is to serve again.
 */
static bool
takes_by(struct lock_stock *stock, bool back)
{
	struct lock l;
	char id[16];
	size_t len;

	if (lock_take_by(&l, path, stock, LOCK_TO_WRITE, 0) == -1) {
		return false;
	}
	char *text = scratch_read(dotlock, &len);
	snprintf(id, sizeof(id), "%d\n", (int)getpid());
	bool good = strcmp(text, id) == 0 &&
	            try_elsewhere(LOCK_TO_WRITE, 0) == EWOULDBLOCK;
	free(text);
	if (back) {
		lock_put_back(&l);
	} else {
		lock_release(&l);
	}
	return good && access(dotlock, F_OK) == -1;
}

/* True if nothing but the mailbox is there. */
static bool
is_alone(void)
{
	const struct dirent *e;
	size_t n = 0;
	DIR *d = opendir(scratch_path((char[PATH_MAX]){ 0 }, "."));

	scratch_need(d != NULL, "opendir");
	while ((e = readdir(d)) != NULL) {
		n += strstr(e->d_name, "box") != NULL;
	}
	closedir(d);
	return n == 1;
}

static bool
lasts(void)
{
	struct lock_stock stock;
	bool good = lock_stock_make_lasting(&stock, folder, "box");

	for (int i = 0; i < 3; i++) {
		good = good && takes_by(&stock, false);
	}
	if (good) {
		lock_stock_close(&stock);
	}
	return good && access(lasting, F_OK) == -1;
}

/* A process that ends with the file, and with the dotlock if that is asked. */
static void
leave(bool locked)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct lock_stock stock;
		struct lock l;
		bool good = lock_stock_make_lasting(&stock, folder, "box");
		_exit(!good || (locked && lock_take_by(&l, path, &stock,
					      LOCK_TO_WRITE, 0) == -1));
	}
	int status = 1;
	scratch_need(waitpid(pid, &status, 0) == pid && status == 0, "leave");
}

static bool
makes_elsewhere(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		struct lock_stock stock;
		_exit(!lock_stock_make_lasting(&stock, folder, "box"));
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return status == 0;
}

static void
test_lasting(void)
{
	struct lock_stock stock;

	scratch_write(path, "x", 1);
	scratch_path(lasting, ".box.lk");
	folder = open(scratch_path((char[PATH_MAX]){ 0 }, "."),
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	ok(lasts(), "one file serves for several locks, and is removed");
	ok(lock_stock_make_lasting(&stock, folder, "box") &&
		!makes_elsewhere() && takes_by(&stock, false),
	    "nobody else uses a file that is in use");
	lock_stock_close(&stock);
	scratch_write(lasting, "4194304999\n", 11);
	ok(lasts(), "what somebody has left is used");
	leave(false);
	ok(access(lasting, F_OK) == 0 && lasts(), "so if that one was killed");
	leave(true);
	ok(!lock_stock_make_lasting(&stock, folder, "box") &&
		try_elsewhere(LOCK_TO_WRITE, 0) == EWOULDBLOCK &&
		try_elsewhere(LOCK_TO_WRITE, LONG) == 0 && lasts(),
	    "one that was killed with the lock has it broken, not renewed");
	scratch_need(symlink("box", lasting) == 0, "symlink");
	ok(!lock_stock_make_lasting(&stock, folder, "box"), "no link is used");
	unlink(lasting);
	scratch_need(mkfifo(lasting, 0600) == 0, "mkfifo");
	ok(!lock_stock_make_lasting(&stock, folder, "box"), "nor a FIFO");
	unlink(lasting);
	close(folder);
}

static void
test_returning(void)
{
	struct lock_stock stock;

	folder = open(scratch_path((char[PATH_MAX]){ 0 }, "."),
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	scratch_need(lock_stock_make(&stock, folder, 1), "O_TMPFILE");
	lock_stock_return(&stock, "box");
	ok(is_alone(), "what nobody has used has no name");
	ok(takes_by(&stock, true) && takes_by(&stock, true) &&
		takes_by(&stock, true),
	    "what is put back serves again");
	lock_stock_close(&stock);
	ok(is_alone(), "it loses its name when the stock is closed");
	scratch_need(lock_stock_make(&stock, folder, 1), "O_TMPFILE");
	lock_stock_return(&stock, "box");
	ok(takes_by(&stock, true) && takes_by(&stock, false) && is_alone(),
	    "nothing is left behind by the last lock");
	ok(!takes_by(&stock, false) && errno == EWOULDBLOCK,
	    "what was not put back serves no more");
	lock_stock_close(&stock);
	scratch_need(lock_stock_make(&stock, folder, 1), "O_TMPFILE");
	lock_stock_return(&stock, "box");
	bool first = takes_by(&stock, true);
	unlinkat(folder, stock.name, 0);
	ok(first && !takes_by(&stock, false) && errno == EWOULDBLOCK,
	    "what somebody has removed is no lock, and the mailbox is there");
	lock_stock_close(&stock);
	close(folder);
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	scratch_path(dotlock, "box.lock");
	test_exclusion();
	test_dotlock();
	test_stale();
	test_leftovers();
	test_files();
	test_replaced();
	race(true);
	race(false);
	test_counting();
	test_lasting();
	test_returning();
	return tap_done();
}
