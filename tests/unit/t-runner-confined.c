/* SPDX-License-Identifier: ISC */
/*
 * What a confined queue runner can reach: the rules that it makes, for each
 * version of the kernel's interface, and, where the kernel has Landlock, what
 * it can open then.  The same for processes with other tasks, whose rules are
 * what is not left to them; what they can do is tried by t_shut_in.
 */
#include "common/process/landlock.h"
#include "common/process/sandbox.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/wait.h>

/* landlock(7). */
enum {
	READS = 1 << 0 | 1 << 2 | 1 << 3, /* and executes */
	MOVES = 1 << 13,
	NEWEST = 7,
	MOST_RULES = 64,
};

static struct {
	int version;
	struct landlock_ruleset handled;
	size_t count;
	bool restricted;
	struct {
		char path[PATH_MAX];
		uint64_t access;
	} rules[MOST_RULES];
} fake;

static bool real;

int __real_landlock_call_version(void);
int __real_landlock_call_create(const struct landlock_ruleset *, size_t);
int __real_landlock_call_add(int, int, uint64_t);
int __real_landlock_call_restrict(int);
int __wrap_landlock_call_version(void);
int __wrap_landlock_call_create(const struct landlock_ruleset *, size_t);
int __wrap_landlock_call_add(int, int, uint64_t);
int __wrap_landlock_call_restrict(int);

int
__wrap_landlock_call_version(void)
{
	return real ? __real_landlock_call_version() : fake.version;
}

int
__wrap_landlock_call_create(const struct landlock_ruleset *r, size_t size)
{
	if (real) {
		return __real_landlock_call_create(r, size);
	}
	memcpy(&fake.handled, r, size);
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int
__wrap_landlock_call_add(int ruleset, int fd, uint64_t access)
{
	char link[64];

	if (real) {
		return __real_landlock_call_add(ruleset, fd, access);
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(
	    link, fake.rules[fake.count].path, sizeof(fake.rules->path) - 1);
	if (n == -1 || fake.count == MOST_RULES - 1) {
		return -1;
	}
	fake.rules[fake.count].path[n] = '\0';
	fake.rules[fake.count++].access = access;
	return 0;
}

int
__wrap_landlock_call_restrict(int ruleset)
{
	if (real) {
		return __real_landlock_call_restrict(ruleset);
	}
	fake.restricted = true;
	return 0;
}

/* ---- the folders ---- */

static char queue[PATH_MAX], state[PATH_MAX], stats[PATH_MAX];
static char other[PATH_MAX];

static void
make_folder(char path[PATH_MAX], const char *name)
{
	scratch_need(
	    mkdir(scratch_path(path, name), 0700) == 0 || errno == EEXIST,
	    name);
}

/* Answers the access that a path has been given, by its own rule. */
static uint64_t
access_to(const char *path)
{
	for (size_t i = 0; i < fake.count; i++) {
		if (strcmp(fake.rules[i].path, path) == 0) {
			return fake.rules[i].access;
		}
	}
	return 0;
}

/* True if what is not the runner's can only be read, and "/" not at all. */
static bool
others_are_read_only(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		const char *path = fake.rules[i].path;
		bool own = strcmp(path, queue) == 0 ||
		           strcmp(path, state) == 0 || strcmp(path, stats) == 0;
		if (!own && (fake.rules[i].access & ~(uint64_t)READS) != 0) {
			note("%s: %#llx", path,
			    (unsigned long long)fake.rules[i].access);
			return false;
		}
		if (strcmp(path, "/") == 0 || strcmp(path, "/etc") == 0 ||
		    strcmp(path, other) == 0) {
			note("%s is open", path);
			return false;
		}
	}
	return true;
}

static void
test_rules(int version)
{
	memset(&fake, 0, sizeof(fake));
	fake.version = version;
	if (version < 2) {
		ok(!sandbox_can_confine_runner(),
		    "version %d would forbid it to move files", version);
		return;
	}
	bool good = sandbox_can_confine_runner() &&
	            sandbox_runner(queue, state, stats) == 0 && fake.restricted;
	ok(good && (fake.handled.fs & MOVES) != 0 && fake.handled.net == 0 &&
		fake.handled.scoped == 0,
	    "version %d: it is confined, as to files", version);
	ok((access_to(queue) & MOVES) != 0 &&
		access_to(queue) == access_to(state),
	    "version %d: queue and state are its own", version);
	ok(others_are_read_only(), "version %d: nothing else is", version);
}

/* ---- other tasks ---- */

static const struct {
	enum sandbox_task task;
	const char *name;
	bool reads, calls, signals;
} tasks[] = {
	{ SANDBOX_READER, "a reader", true, false, false },
	{ SANDBOX_ASKER, "one that asks for names", true, true, false },
	{ SANDBOX_WAITER, "one beside a command", false, false, true },
	{ SANDBOX_JUDGE, "one that looks at a message", false, false, false },
};

/* All rights that a version knows are withheld, but for these. */
static bool
is_handled(int version, bool reads, bool calls, bool signals)
{
	static const uint64_t knows[NEWEST + 1] = { 0, 0x1fff, 0x3fff, 0x7fff,
		0x7fff, 0xffff, 0xffff, 0xffff };
	const uint64_t reading = 1 << 2 | 1 << 3, tcp = 3, socket = 1, kill = 2;

	return fake.handled.fs == (knows[version] & ~(reads ? reading : 0)) &&
	       fake.handled.net == (version < 4 || calls ? 0 : tcp) &&
	       fake.handled.scoped ==
	           (version < 6 ? 0
				: (calls ? 0 : socket) | (signals ? 0 : kill));
}

static void
test_tasks(int version)
{
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
		memset(&fake, 0, sizeof(fake));
		fake.version = version;
		bool good = sandbox_task(tasks[i].task, NULL) == 0;
		ok(good && fake.restricted == (version > 0) &&
			fake.count == 0 &&
			is_handled(version, tasks[i].reads, tasks[i].calls,
			    tasks[i].signals),
		    "version %d: %s", version, tasks[i].name);
	}
	memset(&fake, 0, sizeof(fake));
	fake.version = version;
	bool good = sandbox_task(SANDBOX_ASKER, queue) == 0;
	ok(good && fake.count == (version > 0) &&
		(access_to(queue) & 1 << 1) == (version > 0 ? 1 << 1 : 0) &&
		(access_to(queue) & READS & ~1U) == 0,
	    "version %d: one that writes to the queue", version);
}

/* ---- for real ---- */

static const struct {
	const char *name;
	int flags;
	bool allowed;
} files[] = {
	{ "queue/message", O_RDWR | O_CREAT, true },
	{ "state/stats", O_RDWR | O_CREAT, true },
	{ "stats/file", O_RDWR | O_CREAT, true },
	{ "/etc/passwd", O_RDONLY, true },
	{ "/etc/passwd", O_WRONLY, false },
	{ "/etc/shadow", O_RDONLY, false },
	{ "/etc", O_RDONLY | O_DIRECTORY, false },
	{ "/", O_RDONLY | O_DIRECTORY, false },
	{ "other/mail", O_RDONLY | O_CREAT, false },
};

static bool
opens(const char *name, int flags)
{
	char path[PATH_MAX];
	int fd = open(name[0] == '/' ? name : scratch_path(path, name),
	    flags | O_CLOEXEC, 0600);

	if (fd != -1) {
		close(fd);
	}
	return fd != -1;
}

static bool
moves(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	scratch_write(scratch_path(from, "queue/message"), "x", 1);
	mkdir(scratch_path(to, "queue/deferred"), 0700);
	scratch_path(to, "queue/deferred/message");
	return rename(from, to) == 0 && unlink(to) == 0;
}

/* In a child, confined or not. */
static bool
does(bool confined, const char *name, int flags)
{
	int status = -1;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		_exit((!confined || sandbox_runner(queue, state, stats) == 0) &&
			      (name != NULL ? opens(name, flags) : moves())
			  ? 0
			  : 1);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static void
test_real(void)
{
	real = true;
	if (!sandbox_can_confine_runner()) {
		ok(true, "the kernel's own # SKIP it has no Landlock for that");
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *name = files[i].name;
		bool may = does(false, name, files[i].flags);
		ok(does(true, name, files[i].flags) ==
			(may && files[i].allowed),
		    "%s can%s be opened (%#x)%s", name,
		    files[i].allowed ? "" : "not", (unsigned)files[i].flags,
		    may ? "" : ", as at large");
	}
	ok(does(true, NULL, 0), "a message changes its folder");
}

static void
remove_folder(const char *name)
{
	char path[PATH_MAX];

	scratch_empty(scratch_path(path, name));
}

int
main(void)
{
	scratch_make();
	make_folder(queue, "queue");
	make_folder(state, "state");
	make_folder(stats, "stats");
	make_folder(other, "other");
	for (int version = 0; version <= NEWEST; version++) {
		test_rules(version);
		test_tasks(version);
	}
	test_real();
	remove_folder("queue/deferred");
	remove_folder("queue");
	remove_folder("state");
	remove_folder("stats");
	remove_folder("other");
	return tap_done();
}
