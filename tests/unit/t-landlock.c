/* SPDX-License-Identifier: ISC */
/*
 * Confined to a mailbox: what delivery and POP3 need must go on, and nothing
 * else of the file system may open.  A fake of the kernel notes the rules, and
 * decides by them about the calls of this program (by the linker's --wrap), for
 * each version of the interface.  Where the kernel has Landlock, the same is
 * done with the kernel's own.
 */
#include "common/process/landlock.h"

#include "spool/append.h"
#include "spool/confine.h"
#include "spool/mailbox.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <ftw.h>
#include <libgen.h>
#include <stdarg.h>
#include <sys/wait.h>

/* landlock(7). */
enum {
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	TRUNCATE = 1 << 14,
	OF_FILES = 1 << 0 | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15,
};

enum { NONE = 0, REAL = -1, NEWEST = 7, MOST_RULES = 32 };

/* ---- the fake ---- */

static struct {
	int version; /* or REAL */
	bool confined;
	struct landlock_ruleset handled;
	size_t size, count;
	struct {
		dev_t dev;
		ino_t ino;
		uint64_t access;
	} rules[MOST_RULES];
} fake;

int __real_landlock_call_version(void);
int __real_landlock_call_create(const struct landlock_ruleset *, size_t);
int __real_landlock_call_add(int, int, uint64_t);
int __real_landlock_call_restrict(int);
int __real_open(const char *, int, ...);
int __real_openat(int, const char *, int, ...);
int __real_linkat(int, const char *, int, const char *, int);
int __real_unlinkat(int, const char *, int);
int __real_renameat(int, const char *, int, const char *);
int __real_renameat2(int, const char *, int, const char *, unsigned);
int __real_mkdirat(int, const char *, mode_t);
int __wrap_landlock_call_version(void);
int __wrap_landlock_call_create(const struct landlock_ruleset *, size_t);
int __wrap_landlock_call_add(int, int, uint64_t);
int __wrap_landlock_call_restrict(int);
int __wrap_open(const char *, int, ...);
int __wrap_openat(int, const char *, int, ...);
int __wrap_linkat(int, const char *, int, const char *, int);
int __wrap_unlinkat(int, const char *, int);
int __wrap_renameat(int, const char *, int, const char *);
int __wrap_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_mkdirat(int, const char *, mode_t);

int
__wrap_landlock_call_version(void)
{
	if (fake.version == REAL) {
		return __real_landlock_call_version();
	}
	errno = EOPNOTSUPP;
	return fake.version == NONE ? -1 : fake.version;
}

/* The sizes and rights that each version knows; more is EINVAL or E2BIG. */
int
__wrap_landlock_call_create(const struct landlock_ruleset *r, size_t size)
{
	static const struct {
		size_t size;
		unsigned fs, net, scoped;
	} knows[NEWEST + 1] = { { 0, 0, 0, 0 }, { 8, 0x1fff, 0, 0 },
		{ 8, 0x3fff, 0, 0 }, { 8, 0x7fff, 0, 0 }, { 16, 0x7fff, 3, 0 },
		{ 16, 0xffff, 3, 0 }, { 24, 0xffff, 3, 3 },
		{ 24, 0xffff, 3, 3 } };

	if (fake.version == REAL) {
		return __real_landlock_call_create(r, size);
	}
	if (size > knows[fake.version].size) {
		errno = E2BIG;
		return -1;
	}
	fake.handled.fs = r->fs;
	fake.handled.net = size > 8 ? r->net : 0;
	fake.handled.scoped = size > 16 ? r->scoped : 0;
	fake.count = 0;
	if (r->fs == 0 || (r->fs & ~(uint64_t)knows[fake.version].fs) != 0 ||
	    (fake.handled.net & ~(uint64_t)knows[fake.version].net) != 0 ||
	    (fake.handled.scoped & ~(uint64_t)knows[fake.version].scoped) !=
		0) {
		errno = EINVAL;
		return -1;
	}
	return __real_open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int
__wrap_landlock_call_add(int ruleset, int fd, uint64_t access)
{
	struct stat st;

	if (fake.version == REAL) {
		return __real_landlock_call_add(ruleset, fd, access);
	}
	if (fstat(fd, &st) == -1 || fake.count == MOST_RULES) {
		return -1;
	}
	if (access == 0 || (access & ~fake.handled.fs) != 0 ||
	    (!S_ISDIR(st.st_mode) && (access & ~(uint64_t)OF_FILES) != 0)) {
		errno = EINVAL;
		return -1;
	}
	fake.rules[fake.count].dev = st.st_dev;
	fake.rules[fake.count].ino = st.st_ino;
	fake.rules[fake.count++].access = access;
	return 0;
}

int
__wrap_landlock_call_restrict(int ruleset)
{
	if (fake.version == REAL) {
		return __real_landlock_call_restrict(ruleset);
	}
	fake.confined = true;
	return 0;
}

/* What is granted at a path: by rules there and at all folders above. */
static uint64_t
granted(const char *path)
{
	char at[PATH_MAX];
	uint64_t access = 0;
	struct stat st;

	snprintf(at, sizeof(at), "%s", path);
	for (;;) {
		for (size_t i = 0; lstat(at, &st) == 0 && i < fake.count; i++) {
			access |= fake.rules[i].dev == st.st_dev &&
			                  fake.rules[i].ino == st.st_ino
			              ? fake.rules[i].access
			              : 0;
		}
		if (strcmp(at, "/") == 0) {
			return access;
		}
		char *slash = strrchr(at, '/');
		slash[slash == at] = '\0';
	}
}

/* The path that a call means, as far as this program makes such calls. */
static void
resolve(int folder, const char *name, char path[PATH_MAX])
{
	char link[64], base[PATH_MAX] = ".", joined[2 * PATH_MAX];

	if (folder != AT_FDCWD) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
		ssize_t n = readlink(link, base, sizeof(base) - 1);
		base[n > 0 ? n : 0] = '\0';
	}
	snprintf(
	    joined, sizeof(joined), "%s/%s", name[0] == '/' ? "" : base, name);
	/* The last part may not exist, and links are not followed there. */
	char *slash = strrchr(joined, '/'), last[NAME_MAX + 1];
	snprintf(last, sizeof(last), "%s", slash + 1);
	*slash = '\0';
	char *real = realpath(joined[0] == '\0' ? "/" : joined, NULL);
	snprintf(path, PATH_MAX, "%s%s%s", real == NULL ? "" : real,
	    strcmp(last, ".") == 0 ? "" : "/",
	    strcmp(last, ".") == 0 ? "" : last);
	free(real);
}

static void
parent_of(const char *path, char parent[PATH_MAX])
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(parent, PATH_MAX, "%s", dirname(copy));
}

/* True if the rules let it pass; else errno is EACCES. */
static bool
may(const char *path, uint64_t access)
{
	access &= fake.handled.fs;
	if (!fake.confined || (access & ~granted(path)) == 0) {
		return true;
	}
	errno = EACCES;
	return false;
}

static bool
may_in_parent(int folder, const char *name, uint64_t access)
{
	char path[PATH_MAX], parent[PATH_MAX];

	resolve(folder, name, path);
	parent_of(path, parent);
	return may(parent, access);
}

static bool
may_open(int folder, const char *name, int flags)
{
	char path[PATH_MAX];
	struct stat st;
	uint64_t access = 0;

	if (!fake.confined || (flags & O_PATH) != 0) {
		return true;
	}
	resolve(folder, name, path);
	bool there = lstat(path, &st) == 0;
	if (!there && (flags & O_CREAT) == 0) {
		return true; /* ENOENT */
	}
	bool is_folder =
	    there && S_ISDIR(st.st_mode) && (flags & O_TMPFILE) != O_TMPFILE;
	access |= is_folder                         ? READ_DIR
	          : (flags & O_ACCMODE) == O_WRONLY ? WRITE_FILE
	          : (flags & O_ACCMODE) == O_RDWR   ? WRITE_FILE | READ_FILE
	                                            : READ_FILE;
	access |= (flags & O_TRUNC) != 0 ? TRUNCATE : 0;
	return (there || may_in_parent(folder, name, MAKE_REG)) &&
	       may(path, access);
}

static mode_t
mode_of(int flags, va_list ap)
{
	bool made = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;

	return made ? va_arg(ap, mode_t) : 0;
}

int
__wrap_openat(int folder, const char *name, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = mode_of(flags, ap);
	va_end(ap);
	return may_open(folder, name, flags)
	           ? __real_openat(folder, name, flags, mode)
	           : -1;
}

int
__wrap_open(const char *name, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = mode_of(flags, ap);
	va_end(ap);
	return may_open(AT_FDCWD, name, flags) ? __real_open(name, flags, mode)
	                                       : -1;
}

/* Between two folders nothing is linked or renamed: REFER is not granted. */
static bool
may_move(int from, const char *old, int to, const char *new, uint64_t access)
{
	char path[PATH_MAX], parents[2][PATH_MAX];
	ssize_t n = -1;

	if (!fake.confined) {
		return true;
	}
	if (strncmp(old, "/proc/self/fd/", 14) == 0) {
		n = readlink(old, path, sizeof(path) - 1);
	}
	if (n > 0) {
		path[n] = '\0';
	} else {
		resolve(from, old, path);
	}
	parent_of(path, parents[0]);
	resolve(to, new, path);
	parent_of(path, parents[1]);
	if (strcmp(parents[0], parents[1]) != 0) {
		errno = EXDEV;
		return false;
	}
	return may(parents[1], access);
}

int
__wrap_linkat(int from, const char *old, int to, const char *new, int flags)
{
	return may_move(from, old, to, new, MAKE_REG)
	           ? __real_linkat(from, old, to, new, flags)
	           : -1;
}

int
__wrap_renameat(int from, const char *old, int to, const char *new)
{
	return may_move(from, old, to, new, MAKE_REG | REMOVE_FILE)
	           ? __real_renameat(from, old, to, new)
	           : -1;
}

int
__wrap_renameat2(
    int from, const char *old, int to, const char *new, unsigned flags)
{
	return may_move(from, old, to, new, MAKE_REG | REMOVE_FILE)
	           ? __real_renameat2(from, old, to, new, flags)
	           : -1;
}

int
__wrap_unlinkat(int folder, const char *name, int flags)
{
	return !fake.confined || may_in_parent(folder, name, REMOVE_FILE)
	           ? __real_unlinkat(folder, name, flags)
	           : -1;
}

int
__wrap_mkdirat(int folder, const char *name, mode_t mode)
{
	return !fake.confined || may_in_parent(folder, name, MAKE_DIR)
	           ? __real_mkdirat(folder, name, mode)
	           : -1;
}

/* ---- a machine with two users ---- */

#define DATE " Sun Nov 22 07:00:00 2026"
#define MESSAGE "From a" DATE "\nSubject: %d\n\n%04000d\n\n"

static struct store bob;

/* Makes mail/bob with so many messages (-1: no mailbox), and alice's. */
static void
make_machine(int messages)
{
	static const char *const folders[] = { "m", "m/mail", "m/state",
		"m/state/bob", "m/state/alice" };
	char path[PATH_MAX], text[8192];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		scratch_need(mkdir(scratch_path(path, folders[i]), 0700) == 0,
		    folders[i]);
	}
	scratch_write(scratch_path(path, "m/mail/alice"), "x\n", 2);
	scratch_write(scratch_path(path, "m/state/alice/index"), "x\n", 2);
	scratch_path(bob.directory, "m/state/bob");
	scratch_path(bob.mailbox, "m/mail/bob");
	bob.stock = NULL;
	bob.confined = STORE_AT_LARGE;
	for (int i = 0; i < messages; i++) {
		int n = snprintf(text, sizeof(text), MESSAGE, i, i);
		int fd = open(bob.mailbox,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		scratch_need(write(fd, text, (size_t)n) == n, bob.mailbox);
		close(fd);
	}
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void
remove_machine(void)
{
	char path[PATH_MAX];

	nftw(scratch_path(path, "m"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- what a confined process does ---- */

static struct lock_stock stock;

static bool
delivers(void)
{
	char path[PATH_MAX];
	int message =
	    open(scratch_path(path, "m/message"), O_RDWR | O_CREAT, 0600);
	bool good = write(message, "Subject: new\n\ntext\n", 19) == 19 &&
	            confine_to_store(&bob, &stock, LOCK_TO_CREATE, 1) == 0;
	struct append a = { .store = &bob,
		.sender = "a@example.org",
		.when = 1795330800,
		.message = message,
		.timeout = 2000 };

	return good && append_message(&a) == 0;
}

static bool
takes_line(void *context, const struct mbox_line *line)
{
	*(size_t *)context += line->len;
	return true;
}

static bool
reads_and_deletes(void)
{
	struct mailbox *m = NULL;
	bool deleted[8] = { false, true };
	struct mailbox_update u = { .deleted = deleted };
	size_t octets = 0;

	if (confine_to_store(&bob, &stock, LOCK_TO_READ, 1) == -1 ||
	    mailbox_open(&m, &bob, 2000) == -1 || mailbox_check(m) == -1 ||
	    mailbox_count(m) != 3 ||
	    mailbox_read(m, 2, takes_line, &octets) == -1 || octets < 4000 ||
	    mailbox_update(m, &u, 2000) == -1) {
		return false;
	}
	mailbox_close(m);
	return mailbox_open(&m, &bob, 2000) == 0 && mailbox_count(m) == 2;
}

/*
 * Confines this process while another, which is not confined, puts a mailbox in
 * the place of bob's.  False: it could not.
 */
static bool
confined_as_mailbox_comes(void)
{
	char new[PATH_MAX], text[8192];
	int gate[2], status = -1;

	scratch_need(pipe(gate) == 0, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], text, 1);
		int n = snprintf(text, sizeof(text), MESSAGE, 9, 9);
		scratch_write(scratch_path(new, "m/mail/new"), text, (size_t)n);
		_exit(rename(new, bob.mailbox) != 0);
	}
	bool good = confine_to_store(&bob, &stock, LOCK_TO_READ, 1) == 0;
	close(gate[1]);
	close(gate[0]);
	return waitpid(pid, &status, 0) == pid && status == 0 && good;
}

/* A mailbox that comes when the process has confined itself is not there yet:
   nobody is told of trouble because their first mail has just arrived. */
static bool
reads_as_first_mail_comes(void)
{
	struct mailbox *m = NULL;

	return confined_as_mailbox_comes() &&
	       mailbox_open(&m, &bob, 2000) == 0 && mailbox_count(m) == 0;
}

/* What takes the place of the mailbox is trouble for now, and no more. */
static bool
meets_another_mailbox(void)
{
	struct mailbox *m = NULL;

	return confined_as_mailbox_comes() &&
	       mailbox_open(&m, &bob, 2000) == -1 && errno == ESTALE;
}

/* A process that was killed has left its dotlock; nobody has that id. */
static void
leave_dotlock(void)
{
	char path[PATH_MAX];

	scratch_write(scratch_path(path, "m/mail/bob.lock"), "4194305\n", 8);
}

static bool
opens(const char *name, int flags)
{
	char path[PATH_MAX];
	int fd = open(name[0] == '/' ? name : scratch_path(path, name),
	    flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1 && errno != EACCES) {
		note("%s: %s", name, strerror(errno));
	}
	return fd != -1;
}

/* Confines itself first, as a POP3 session does. */
static bool
confined_opens(const char *name, int flags)
{
	return confine_to_store(&bob, &stock, LOCK_TO_READ, 1) == 0 &&
	       opens(name, flags);
}

static bool
confined_moves(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	scratch_path(from, "m/mail/alice");
	scratch_path(to, "m/state/bob/stolen");
	return confine_to_store(&bob, &stock, LOCK_TO_READ, 1) == 0 &&
	       linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0;
}

/* What may be opened; all is possible at large. */
static const struct {
	const char *name;
	int flags;
	bool allowed;
} files[] = {
	{ "m/mail/bob", O_RDWR, true },
	{ "m/mail", O_RDONLY | O_DIRECTORY, true },
	{ "m/state/bob", O_RDONLY | O_DIRECTORY, true },
	{ "m/state/bob/new", O_RDWR | O_CREAT, true },
	{ "/proc/sys/kernel/random/boot_id", O_RDONLY, true },
	{ "/etc/passwd", O_RDONLY, false },
	{ "/etc", O_RDONLY | O_DIRECTORY, false },
	{ "m/mail/alice", O_RDONLY, false },
	{ "m/mail/alice", O_WRONLY, false },
	{ "m/mail/new", O_WRONLY | O_CREAT, false },
	{ "m/state", O_RDONLY | O_DIRECTORY, false },
	{ "m/state/alice/index", O_RDONLY, false },
	{ "m/state/alice/index", O_RDWR, false },
	{ "m/secret", O_WRONLY | O_CREAT, false },
};

/* ---- each of it in a child, with one version of the interface ---- */

enum act {
	OPEN,
	DELIVER,
	DELIVER_NEW,
	DELIVER_LOCKED,
	POP3,
	FIRST_MAIL,
	REPLACED,
	MOVE
};

static bool
in_child(int version, enum act act, size_t file)
{
	int status = -1;

	make_machine(act == DELIVER_NEW || act == FIRST_MAIL ? -1 : 3);
	if (act == DELIVER_LOCKED) {
		leave_dotlock();
	}
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		fake.version = version;
		_exit(!(act == OPEN ? confined_opens(
					  files[file].name, files[file].flags)
			: act == POP3       ? reads_and_deletes()
			: act == MOVE       ? confined_moves()
			: act == FIRST_MAIL ? reads_as_first_mail_comes()
			: act == REPLACED   ? meets_another_mailbox()
					    : delivers()));
	}
	waitpid(pid, &status, 0);
	remove_machine();
	return status == 0;
}

static void
test_version(int version, const char *name)
{
	ok(in_child(version, DELIVER, 0), "%s: it delivers", name);
	ok(in_child(version, DELIVER_NEW, 0), "%s: into a new mailbox", name);
	ok(in_child(version, DELIVER_LOCKED, 0), "%s: past a dead dotlock",
	    name);
	ok(in_child(version, POP3, 0), "%s: it reads and deletes", name);
	if (version != NONE) {
		ok(in_child(version, FIRST_MAIL, 0),
		    "%s: a first mail comes as a session opens", name);
		ok(in_child(version, REPLACED, 0),
		    "%s: another mailbox comes in the place of ours", name);
	}
	ok(in_child(version, MOVE, 0) == (version == NONE),
	    "%s: mail moves to another folder %s", name,
	    version == NONE ? "at large" : "not at all");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool may = files[i].allowed || version == NONE;
		ok(in_child(version, OPEN, i) == may,
		    "%s: %s can%s be opened (%#x)", name, files[i].name,
		    may ? "" : "not", (unsigned)files[i].flags);
	}
}

int
main(void)
{
	char name[32];

	scratch_make();
	umask(077);
	for (int version = NONE; version <= NEWEST; version++) {
		snprintf(name, sizeof(name), "version %d", version);
		test_version(version, name);
	}
	if (__real_landlock_call_version() > 0) {
		test_version(REAL, "the kernel's own");
	} else {
		ok(true, "the kernel's own # SKIP it has no Landlock");
	}
	return tap_done();
}
