/* SPDX-License-Identifier: ISC */
/*
 * The queue: that a message goes in whole, that two never work on it, that it
 * is found when it is due, and that nothing damaged is believed.
 */
#include "tests/unit/t-queue.h"

#include "common/log/log.h"
#include "tests/unit/tap.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct queue q;

/* ---- the folders ---- */

static void
test_open(void)
{
	struct stat st;
	struct queue again;
	char path[PATH_MAX];

	queue_fresh(&q);
	ok(stat(queue_path, &st) == 0 && (st.st_mode & 07777) == 0700 &&
		stat(queue_path_of(path, "active", ""), &st) == 0 &&
		(st.st_mode & 07777) == 0700 && queue_has("reason", ".") &&
		queue_has("deferred", ".") && queue_has("hold", ".") &&
		queue_has("corrupt", "."),
	    "a queue is made, for its owner alone");
	scratch_need(chmod(queue_path_of(path, "hold", ""), 0500) == 0, path);
	ok(queue_open(&again, queue_path) == 0 && stat(path, &st) == 0 &&
		(st.st_mode & 07777) == 0700,
	    "a folder that somebody was killed at is completed");
	queue_close(&again);
	ok(queue_open(&again, "/nonexistent/queue") == -1 && errno == ENOENT &&
		again.fd == -1,
	    "nowhere there is no queue");
}

/* ---- putting in ---- */

/* Commits the text and compares what a claim then shows. */
static bool
round_trip(const char *text, size_t len, bool wire, const char *expected,
    size_t expected_len)
{
	struct mail m;
	struct queue_file f;
	size_t size = expected_len == 0 ? 1 : expected_len;
	char *back = malloc(size);

	scratch_need(back != NULL, "malloc");
	queue_mail(&m, 2);
	bool good = queue_put(&q, &m, text, len, wire) == 0 &&
	            m.size == expected_len &&
	            queue_claim(&q, QUEUE_ACTIVE, m.id, &f) == QUEUE_CLAIMED;
	if (good) {
		int fd = queue_open_body(&f);
		good = f.mail.size == expected_len && f.mail.count == 2 &&
		       strcmp(f.mail.sender, m.sender) == 0 && fd != -1 &&
		       pread(fd, back, size, f.body) == (ssize_t)expected_len &&
		       memcmp(back, expected, expected_len) == 0 &&
		       write(fd, "x", 1) == -1;
		close(fd);
		queue_release(&f);
	}
	mail_free(&m);
	free(back);
	return good;
}

/* Line ends around the borders of blocks, and at the end of the text. */
static void
test_conversion(void)
{
	enum { BLOCK = 64 * 1024 };
	size_t wrong = 0;

	for (size_t len = BLOCK - 3; len <= BLOCK + 3; len++) {
		for (size_t at = BLOCK - 4; at < len; at++) {
			struct bytes text = { 0 }, wire = { 0 };
			bytes_fill(&text, 'x', len);
			text.data[0] = text.data[at] = '\n';
			for (size_t i = 0; i < len; i++) {
				bytes_add(&wire, &"\r\n"[text.data[i] != '\n'],
				    text.data[i] == '\n' ? 2 : 0);
				bytes_add(
				    &wire, &text.data[i], text.data[i] != '\n');
			}
			if (text.data[len - 1] != '\n') {
				bytes_text(&wire, "\r\n");
			}
			wrong += !round_trip(
			    text.data, len, false, wire.data, wire.len);
			wrong += !round_trip(
			    wire.data, wire.len, true, wire.data, wire.len);
			free(text.data);
			free(wire.data);
		}
	}
	ok(wrong == 0, "line ends at the borders of blocks");
	ok(round_trip("", 0, false, "", 0) && round_trip("", 0, true, "", 0) &&
		round_trip("\n", 1, false, "\r\n", 2) &&
		round_trip("a", 1, true, "a\r\n", 3),
	    "small bodies");
	struct bytes lines = { 0 }, wire = { 0 };
	bytes_fill(&lines, '\n', 3 * BLOCK);
	for (size_t i = 0; i < lines.len; i++) {
		bytes_text(&wire, "\r\n");
	}
	ok(round_trip(lines.data, lines.len, false, wire.data, wire.len),
	    "a body of empty lines");
	free(lines.data);
	free(wire.data);
}

/* A part of a file, and one that is shorter than was said. */
static void
test_part(void)
{
	char path[PATH_MAX], text[8];
	struct mail m;
	struct queue_file f;

	queue_fresh(&q);
	scratch_write(scratch_path(path, "body"), "0123456789", 10);
	struct queue_body body = { .fd = open(path, O_RDONLY | O_CLOEXEC),
		.from = 3,
		.length = 4,
		.part = true,
		.wire = false };
	queue_mail(&m, 1);
	ok(queue_commit(&q, &m, &body) == 0 &&
		queue_claim(&q, QUEUE_ACTIVE, m.id, &f) == QUEUE_CLAIMED &&
		f.mail.size == 6 && pread(f.fd, text, 8, f.body) == 6 &&
		memcmp(text, "3456\r\n", 6) == 0,
	    "a part of a file");
	queue_release(&f);
	mail_free(&m);
	body.length = 8;
	queue_mail(&m, 1);
	ok(queue_commit(&q, &m, &body) == -1 && errno == EIO &&
		queue_files("active") == 1,
	    "a body that is shorter than was said is refused");
	mail_free(&m);
	body.part = false;
	body.length = 4;
	queue_mail(&m, 1);
	ok(queue_commit(&q, &m, &body) == -1 && errno == EIO &&
		queue_files("active") == 1,
	    "and one that is longer");
	mail_free(&m);
	body.length = 7;
	queue_mail(&m, 1);
	ok(queue_commit(&q, &m, &body) == 0 && queue_files("active") == 2,
	    "one that is as long as was said is taken");
	mail_free(&m);
	body.length = -1;
	queue_mail(&m, 1);
	ok(queue_commit(&q, &m, &body) == 0 && m.size == 9 &&
		queue_files("active") == 3,
	    "and one of which nothing was said");
	mail_free(&m);
	close(body.fd);
}

/* Nothing is left of a message that was not taken. */
static void
test_no_litter(void)
{
	struct mail m;
	struct rlimit old, limit = { .rlim_cur = 100000 };
	char *text = calloc(1, 200000);

	scratch_need(
	    text != NULL && getrlimit(RLIMIT_FSIZE, &old) == 0, "getrlimit");
	queue_fresh(&q);
	queue_mail(&m, 1);
	signal(SIGXFSZ, SIG_IGN);
	limit.rlim_max = old.rlim_max;
	char path[PATH_MAX];
	scratch_write(scratch_path(path, "body"), text, 200000);
	struct queue_body body = { .fd = open(path, O_RDONLY | O_CLOEXEC),
		.length = -1 };
	setrlimit(RLIMIT_FSIZE, &limit);
	int result = queue_commit(&q, &m, &body);
	int error = errno;
	setrlimit(RLIMIT_FSIZE, &old);
	ok(result == -1 && error == EFBIG && queue_files("active") == 0,
	    "a file that grows too large leaves nothing");
	strlcpy(m.sender, "a\nb", sizeof(m.sender));
	ok(queue_commit(&q, &m, &body) == -1 && errno == EINVAL &&
		queue_files("active") == 0,
	    "nor does an envelope that cannot be written");
	close(body.fd);
	mail_free(&m);
	free(text);
}

static void
test_same_id(void)
{
	static const enum queue_place places[] = { QUEUE_ACTIVE, QUEUE_DEFERRED,
		QUEUE_HOLD };
	struct mail m;
	struct queue_file f;

	queue_fresh(&q);
	for (size_t i = 0; i < 3; i++) {
		queue_mail(&m, 1);
		scratch_need(queue_put(&q, &m, "x\n", 2, false) == 0, "put");
		scratch_need(
		    queue_claim(&q, QUEUE_ACTIVE, m.id, &f) == QUEUE_CLAIMED,
		    "claim");
		bool moved = queue_move(&f, places[i]) == 0;
		queue_release(&f);
		ok(moved && queue_put(&q, &m, "y\n", 2, false) == -1 &&
			errno == EEXIST &&
			queue_claim(&q, places[i], m.id, &f) == QUEUE_CLAIMED,
		    "an id that is in %s is taken",
		    queue_place_names[places[i]]);
		queue_release(&f);
		mail_free(&m);
	}
}

/* ---- claims ---- */

static enum queue_claim
claim_elsewhere(enum queue_place place, const char *id)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct queue own;
		struct queue_file f;
		_exit(queue_open(&own, queue_path) == -1
			  ? 99
			  : (int)queue_claim(&own, place, id, &f));
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return (enum queue_claim)WEXITSTATUS(status);
}

static void
test_claim(void)
{
	struct queue_file f, other;
	char id[MAIL_ID + 1];

	queue_fresh(&q);
	queue_put_one(&q, id, 1);
	ok(claim_elsewhere(QUEUE_ACTIVE, id) == QUEUE_CLAIMED &&
		queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED,
	    "a claim ends with its process");
	ok(claim_elsewhere(QUEUE_ACTIVE, id) == QUEUE_BUSY &&
		queue_claim(&q, QUEUE_ACTIVE, id, &other) == QUEUE_BUSY &&
		other.fd == -1,
	    "nobody else can claim it meanwhile");
	ok(queue_read(&q, QUEUE_ACTIVE, id, &other) == QUEUE_CLAIMED &&
		other.mail.count == 1,
	    "but everybody can read it");
	queue_release(&other);
	ok(claim_elsewhere(QUEUE_ACTIVE, id) == QUEUE_BUSY,
	    "which does not end the claim");

	int fds[2];
	scratch_need(pipe(fds) == 0, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], id, 1) == 0 ? 0 : 1);
	}
	queue_release(&f);
	ok(claim_elsewhere(QUEUE_ACTIVE, id) == QUEUE_CLAIMED,
	    "a release holds though a child has the descriptor");
	close(fds[0]);
	close(fds[1]);
	waitpid(pid, NULL, 0);

	ok(queue_claim(&q, QUEUE_DEFERRED, id, &f) == QUEUE_GONE &&
		queue_claim(&q, QUEUE_ACTIVE, "nothinghere1", &f) ==
		    QUEUE_GONE &&
		queue_claim(&q, QUEUE_ACTIVE, "../runner", &f) == QUEUE_GONE,
	    "what is not there is gone");
	queue_release(&f);
}

/* ---- what a commit does until it is complete ---- */

int __real_fsync(int);
int __real_openat(int, const char *, int, ...);
int __wrap_openat(int, const char *, int, ...);
int __real_linkat(int, const char *, int, const char *, int);
int __wrap_fsync(int);
int __wrap_linkat(int, const char *, int, const char *, int);

static struct {
	bool on;
	const char *id;
	char steps[64];         /* the link, and what was synced */
	enum queue_claim claim; /* of somebody else, before the folder is */
} watch;

static void
step(const char *what)
{
	strlcat(watch.steps, what, sizeof(watch.steps));
}

int
__wrap_fsync(int fd)
{
	struct timespec past[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct stat st;

	if (watch.on && fstat(fd, &st) == 0) {
		bool folder = S_ISDIR(st.st_mode);
		step(folder             ? "folder "
		     : st.st_nlink == 0 ? "nameless "
					: "named ");
		if (folder) {
			watch.claim = claim_elsewhere(QUEUE_ACTIVE, watch.id);
			scratch_need(futimens(fd, past) == 0, "futimens");
		}
	}
	return __real_fsync(fd);
}

static bool all_named; /* as if the file system had no files without names */

int
__wrap_openat(int folder, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (all_named && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return __real_openat(folder, path, flags, mode);
}

int
__wrap_linkat(int from, const char *path, int to, const char *as, int flags)
{
	if (watch.on) {
		step("link ");
	}
	return __real_linkat(from, path, to, as, flags);
}

static void
test_commit(void)
{
	struct mail m;

	queue_fresh(&q);
	queue_mail(&m, 1);
	watch.on = true;
	watch.id = m.id;
	ok(queue_put(&q, &m, "x\n", 2, false) == 0 &&
		(strcmp(watch.steps, "link named folder ") == 0 ||
		    /* where there are no files without names */
		    strcmp(watch.steps, "named folder ") == 0),
	    "a file is synced when it has a name, and then the folder");
	watch.on = false;
	ok(watch.claim == QUEUE_BUSY, "until then nobody can claim it");
	ok(claim_elsewhere(QUEUE_ACTIVE, m.id) == QUEUE_CLAIMED,
	    "and then everybody");
	ok(queue_changed(&q).tv_sec != 1,
	    "who found it locked sees that the folder has changed since");
	mail_free(&m);
}

/* Whoever looks into active/ must not see it, not even for a moment. */
static void
test_held(void)
{
	struct mail m, child;

	queue_fresh(&q);
	queue_mail(&m, 1);
	strlcpy(m.held, "looks odd", sizeof(m.held));
	watch.on = true;
	watch.id = m.id;
	ok(queue_put(&q, &m, "x\n", 2, false) == 0, "it is written");
	watch.on = false;
	ok(watch.claim == QUEUE_GONE &&
		claim_elsewhere(QUEUE_ACTIVE, m.id) == QUEUE_GONE,
	    "never into active/");
	ok(claim_elsewhere(QUEUE_HOLD, m.id) == QUEUE_CLAIMED,
	    "but into hold/");
	mail_inherit(&child, &m);
	ok(child.held[0] == '\0', "what is made of it is not held again");
	mail_free(&m);
}

/* A process that was killed after the link has left a name, and no sync. */
static void
test_commit_of_another(void)
{
	struct mail m;

	queue_fresh(&q);
	queue_mail(&m, 1);
	scratch_need(queue_put(&q, &m, "x\n", 2, false) == 0, "put");
	watch.on = true;
	watch.id = m.id;
	watch.steps[0] = '\0';
	ok(queue_put(&q, &m, "y\n", 2, false) == -1 && errno == EEXIST &&
		strlen(watch.steps) > strlen("named folder ") &&
		strcmp(
		    watch.steps + strlen(watch.steps) - strlen("named folder "),
		    "named folder ") == 0,
	    "\"there is one\" is said when that one is synced, and its folder");
	watch.on = false;
	mail_free(&m);
}

/* Of a process that was killed while it wrote. */
static void
test_commit_after_a_kill(void)
{
	char left[PATH_MAX + 64];
	struct mail m;

	queue_fresh(&q);
	queue_mail(&m, 1);
	snprintf(left, sizeof(left), "%s/active/.tmp.%s", q.path, m.id);
	int fd = open(left, O_WRONLY | O_CREAT | O_EXCL, 0600);
	scratch_need(fd != -1 && close(fd) == 0, "leave");
	all_named = true;
	ok(queue_put(&q, &m, "x\n", 2, false) == 0 && queue_has("active", m.id),
	    "an unfinished file is not taken for the message");
	all_named = false;
	mail_free(&m);
}

/* ---- its life ---- */

static void
test_set(void)
{
	struct slot_state s = { RECIPIENT_SENT, false, 1, 0, 1763790000 };
	struct queue_file f;
	char id[MAIL_ID + 1];

	queue_fresh(&q);
	queue_put_one(&q, id, 3);
	scratch_need(
	    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "claim");
	ok(queue_set(&f, 1, &s) == 0 &&
		f.mail.recipients[1].slot.state == RECIPIENT_SENT,
	    "a slot is set");
	ok(queue_set(&f, 3, &s) == -1 && errno == EINVAL,
	    "but not of somebody who is no recipient");
	ok(queue_remove(&f) == -1 && errno == EINVAL && queue_has("active", id),
	    "a message that somebody waits for is not removed");
	queue_release(&f);
	ok(queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED &&
		f.mail.recipients[0].slot.state == RECIPIENT_WAITING &&
		f.mail.recipients[1].slot.state == RECIPIENT_SENT &&
		f.mail.recipients[1].slot.last == 1763790000 &&
		f.mail.recipients[2].slot.state == RECIPIENT_WAITING,
	    "and read by the next");
	s.state = RECIPIENT_FAILED;
	bool good = queue_set(&f, 0, &s) == 0;
	s.state = RECIPIENT_REMOVED;
	queue_set_reason(&f, 0, "550 no");
	ok(good && queue_set(&f, 2, &s) == 0 && queue_remove(&f) == 0 &&
		!queue_has("active", id),
	    "it goes when everybody is done");
	queue_release(&f);
	ok(!queue_has("reason", id), "and so do the reasons");
}

static time_t
mtime(const char *folder, const char *id)
{
	char path[PATH_MAX];
	struct stat st;

	return stat(queue_path_of(path, folder, id), &st) == -1 ? -1
	                                                        : st.st_mtime;
}

static void
test_defer(void)
{
	struct slot_state s = { .next = 1763800300, .attempts = 2 };
	struct queue_file f;
	char id[MAIL_ID + 1];

	queue_fresh(&q);
	queue_put_one(&q, id, 3);
	scratch_need(
	    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "claim");
	bool good = queue_set(&f, 0, &s) == 0;
	s.next = 1763800200;
	good = good && queue_set(&f, 1, &s) == 0;
	s.next = 1;
	s.state = RECIPIENT_SENT;
	good = good && queue_set(&f, 2, &s) == 0;
	ok(good && queue_defer(&f) == 0 && f.place == QUEUE_DEFERRED &&
		mtime("deferred", id) == 1763800200 && !queue_has("active", id),
	    "deferred until the first that waits is due");
	s.state = RECIPIENT_WAITING;
	s.next = 1763800900;
	ok(queue_set(&f, 1, &s) == 0 && queue_defer(&f) == 0 &&
		mtime("deferred", id) == 1763800300,
	    "and again");
	ok(claim_elsewhere(QUEUE_DEFERRED, id) == QUEUE_BUSY,
	    "still claimed where it lies now");
	ok(queue_move(&f, QUEUE_HOLD) == 0 && queue_has("hold", id) &&
		queue_move(&f, QUEUE_HOLD) == 0 &&
		queue_move(&f, QUEUE_ACTIVE) == 0 && queue_has("active", id),
	    "held, and released");
	queue_release(&f);
}

/* ---- scans ---- */

static void
set_time(const char *folder, const char *id, time_t when)
{
	struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };
	char path[PATH_MAX];

	scratch_need(
	    utimensat(AT_FDCWD, queue_path_of(path, folder, id), times, 0) == 0,
	    path);
}

static void
add(const char *folder, const char *id, time_t when)
{
	char path[PATH_MAX];

	scratch_write(queue_path_of(path, folder, id), "", 0);
	set_time(folder, id, when);
}

static void
test_scan(void)
{
	struct queue_list list = { 0 };
	time_t now = time(NULL);

	queue_fresh(&q);
	add("deferred", "past00000000", now - 100);
	add("deferred", "now000000000", now);
	add("deferred", "soon00000000", now + 4 * 3600);
	add("deferred", "jumped000000", now + 5 * 3600);
	add("active", "new000000000", now + 1000);
	add("active", ".tmp.abcdefghijkl", now);
	ok(queue_scan(&q, QUEUE_DEFERRED, now, &list) == 0 && list.count == 3,
	    "what is due is found without being opened");
	queue_list_sort(&list);
	ok(list.count == 3 && strcmp(list.entries[0].id, "jumped000000") == 0 &&
		strcmp(list.entries[1].id, "past00000000") == 0 &&
		strcmp(list.entries[2].id, "now000000000") == 0 &&
		list.entries[1].due == now - 100,
	    "by its time, and after a clock has jumped at once");
	queue_list_free(&list);
	ok(queue_scan(&q, QUEUE_DEFERRED, (time_t)-1, &list) == 0 &&
		list.count == 4 &&
		queue_scan(&q, QUEUE_ACTIVE, now, &list) == 0 &&
		list.count == 5 && list.entries[4].place == QUEUE_ACTIVE &&
		strcmp(list.entries[4].id, "new000000000") == 0 &&
		list.entries[4].due == 0,
	    "everything, and what is new; unfinished files are not seen");
	queue_list_free(&list);
	queue_list_sort(&list);
	ok(queue_scan(&q, QUEUE_HOLD, 0, &list) == 0 && list.count == 0,
	    "an empty place");
	add("hold", "README", now);
	add("hold", "READ\nME", now);
	ok(queue_scan(&q, QUEUE_HOLD, 0, &list) == 0 && list.count == 0 &&
		queue_files("hold") == 0 && queue_files("corrupt") == 2 &&
		queue_scan(&q, QUEUE_CORRUPT, 0, &list) == 0 && list.count == 2,
	    "a file with another name is set aside, with an id");
	queue_list_free(&list);
}

/* ---- damage ---- */

static void
edit(const char *path, off_t at, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	scratch_need(fd != -1 && pwrite(fd, text, strlen(text), at) ==
				     (ssize_t)strlen(text),
	    path);
	close(fd);
}

static void
make_damage(int which, const char *path, const char *second)
{
	struct stat st;

	scratch_need(stat(path, &st) == 0, path);
	switch (which) {
	case 0:
		scratch_need(truncate(path, st.st_size - 1) == 0, path);
		break;
	case 1:
		scratch_need(truncate(path, 100) == 0, path);
		break;
	case 2:
		edit(path, st.st_size, "x");
		break;
	case 3:
		edit(path, MAIL_LINE, "?");
		break;
	case 4:
		edit(path, 2 * MAIL_LINE + 4, "zzzzzzzzzzzz");
		break;
	case 5:
		scratch_need(truncate(path, 0) == 0, path);
		break;
	case 6:
		scratch_need(link(path, second) == 0, second);
		break;
	case 7:
		scratch_need(
		    rename(path, second) == 0 && symlink(second, path) == 0,
		    second);
		break;
	case 8:
		scratch_need(
		    unlink(path) == 0 && mkfifo(path, 0600) == 0, path);
		break;
	default:
		scratch_need(unlink(path) == 0 && mkdir(path, 0700) == 0, path);
		break;
	}
}

static void
test_damaged(void)
{
	static const char *const names[] = { "cut short by an octet",
		"cut short in its head", "longer than it was",
		"with a slot that is none", "with another id", "empty",
		"with a second name", "that is a link", "that is a pipe",
		"that is a folder" };
	struct queue_file f;
	char id[MAIL_ID + 1], path[PATH_MAX], second[PATH_MAX];

	queue_fresh(&q);
	for (int i = 0; i < 10; i++) {
		queue_put_one(&q, id, 1);
		make_damage(i, queue_path_of(path, "active", id),
		    scratch_path(second, "second"));
		enum queue_claim read =
		    i == 6 ? QUEUE_DAMAGED
			   : queue_read(&q, QUEUE_ACTIVE, id, &f);
		ok(read == QUEUE_DAMAGED && queue_has("active", id) &&
			queue_claim(&q, QUEUE_ACTIVE, id, &f) ==
			    QUEUE_DAMAGED &&
			!queue_has("active", id) && queue_has("corrupt", id) &&
			f.fd == -1 &&
			queue_claim(&q, QUEUE_CORRUPT, id, &f) ==
			    QUEUE_DAMAGED &&
			queue_has("corrupt", id),
		    "a file %s is set aside", names[i]);
		unlink(second);
	}
	queue_put_one(&q, id, 1);
	add("corrupt", id, 0);
	size_t before = queue_files("corrupt");
	scratch_need(
	    truncate(queue_path_of(path, "active", id), 50) == 0, path);
	ok(queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_DAMAGED &&
		queue_files("corrupt") == before + 1,
	    "also when there is one of that name");
}

/* A power cut on btrfs brings the name back that it had before the last one. */
static void
test_two_names(void)
{
	struct queue_file f;
	char id[MAIL_ID + 1], path[PATH_MAX], twin[PATH_MAX], moved[PATH_MAX];

	queue_fresh(&q);
	add("active", ".tmp.ELSE", 0);
	for (enum queue_place p = QUEUE_ACTIVE; p <= QUEUE_DEFERRED; p++) {
		queue_put_one(&q, id, 1);
		queue_path_of(path, "active", id);
		snprintf(twin, sizeof(twin), "%.*s.tmp.%s.%d",
		    (int)(strlen(path) - strlen(id)), path, id, getpid());
		scratch_need(link(path, twin) == 0, twin);
		if (p == QUEUE_DEFERRED) {
			queue_path_of(moved, "deferred", id);
			scratch_need(rename(path, moved) == 0, moved);
		}
		ok(queue_claim(&q, p, id, &f) == QUEUE_CLAIMED &&
			access(twin, F_OK) == -1,
		    "a message in %s/ is whole, though it has the name of "
		    "an unfinished one, too",
		    queue_place_names[p]);
		queue_release(&f);
	}
	ok(queue_has("active", ".tmp.ELSE"),
	    "another unfinished file is left alone");
}

/* ---- reasons ---- */

static bool
reason_is(struct queue_file *f, size_t recipient, const char *text)
{
	char reason[QUEUE_REASON];

	queue_reason(f, recipient, reason);
	return strcmp(reason, text) == 0;
}

static void
test_reasons(void)
{
	struct queue_file f;
	struct bytes longest = { 0 };
	char id[MAIL_ID + 1], path[PATH_MAX], reason[QUEUE_REASON];

	queue_fresh(&q);
	queue_put_one(&q, id, 3);
	scratch_need(
	    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "claim");
	bool none = reason_is(&f, 0, "");
	queue_set_reason(&f, 2, "451 4.7.1 \"later\"\r\nplease");
	queue_set_reason(&f, 0, "first");
	queue_set_reason(&f, 0, "");
	queue_set_reason(&f, 7, "nobody");
	ok(none && reason_is(&f, 2, "451 4.7.1 \"later\"  please"),
	    "a reason is in one line");
	queue_release(&f);
	scratch_need(
	    queue_read(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "read");
	ok(reason_is(&f, 2, "451 4.7.1 \"later\"  please") &&
		reason_is(&f, 1, "") && reason_is(&f, 0, "") &&
		reason_is(&f, 7, "") && queue_files("reason") == 1,
	    "and kept beside the message");
	bytes_fill(&longest, 'x', 2000);
	bytes_add(&longest, "", 1);
	queue_set_reason(&f, 1, longest.data);
	queue_release(&f);
	scratch_need(
	    queue_read(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "read");
	queue_reason(&f, 1, reason);
	ok(strlen(reason) == QUEUE_REASON - 1 && reason[0] == 'x',
	    "it is cut off");
	queue_release(&f);
	free(longest.data);

	static const char damaged[] =
	    "999999999999999999999 a\n-1 b\nx\n\n1\n1 c\001d\n2";
	scratch_write(
	    queue_path_of(path, "reason", id), damaged, sizeof(damaged) - 1);
	scratch_need(
	    queue_read(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "read");
	ok(reason_is(&f, 1, "c d") && reason_is(&f, 0, "") &&
		reason_is(&f, 2, ""),
	    "a damaged file of reasons is read as far as that goes");
	queue_release(&f);
}

/* ---- turns ---- */

static int
turn_elsewhere(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct queue own;
		scratch_need(queue_open(&own, queue_path) == 0, "open");
		_exit(queue_lock_runner(&own) == -1 ? errno : 0);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WEXITSTATUS(status);
}

/* ---- connections ---- */

static void
test_connections(void)
{
	queue_fresh(&q);
	int one = queue_take_connection(&q, 7, 2);
	int two = queue_take_connection(&q, 7, 2);
	errno = 0;
	ok(one != -1 && two != -1 && queue_take_connection(&q, 7, 2) == -1 &&
		errno == EWOULDBLOCK,
	    "so many connections to one hop");
	int other = queue_take_connection(&q, 8, 2);
	ok(other != -1, "another hop has its own");
	ok(!queue_connection_wanted(&q, 7), "nobody waits for one");
	int wanted = queue_want_connection(&q, 7);
	ok(wanted != -1 && queue_connection_wanted(&q, 7) &&
		!queue_connection_wanted(&q, 8),
	    "somebody waits for one");
	close(wanted);
	ok(!queue_connection_wanted(&q, 7), "and no longer");
	pid_t pid = fork();
	if (pid == 0) {
		pause(); /* it has all descriptors, as an agent has its own */
		_exit(0);
	}
	close(one);
	ok(queue_take_connection(&q, 7, 2) == -1, "a process holds it");
	kill(pid, SIGKILL);
	scratch_need(waitpid(pid, NULL, 0) == pid, "waitpid");
	one = queue_take_connection(&q, 7, 2);
	ok(one != -1, "until it is killed");
	close(one);
	close(two);
	close(other);
}

static void
test_turn(void)
{
	char id[MAIL_ID + 1];

	queue_fresh(&q);
	bool free_before = turn_elsewhere() == 0;
	int fd = queue_lock_runner(&q);
	ok(free_before && fd != -1 && turn_elsewhere() == EWOULDBLOCK,
	    "one scheduler at a time");
	close(fd);
	ok(turn_elsewhere() == 0, "then the next");

	char path[PATH_MAX];
	struct timespec old[2] = { { .tv_sec = 5 }, { .tv_sec = 5 } };
	scratch_need(
	    utimensat(AT_FDCWD, queue_path_of(path, "active", ""), old, 0) == 0,
	    path);
	bool five = queue_changed(&q).tv_sec == 5;
	queue_put_one(&q, id, 1);
	ok(five && queue_changed(&q).tv_sec != 5, "an arrival is seen");
	bool never = queue_last_run(&q) == 0;
	queue_set_last_run(&q);
	ok(never && time(NULL) - queue_last_run(&q) < 60,
	    "the last run is known");
}

static void
test_sweep(void)
{
	char id[MAIL_ID + 1];
	time_t now = time(NULL), old = now - 37 * 3600;

	queue_fresh(&q);
	queue_put_one(&q, id, 1);
	add("reason", id, old);
	add("reason", "gone00000000", old);
	add("reason", "young0000000", now);
	add("reason", ".tmp.abcdefghijkl", old);
	add("active", ".tmp.abcdefghijkl", old);
	add("active", ".tmp.lkjihgfedcba", now);
	queue_sweep(&q);
	ok(queue_has("reason", id) && queue_has("reason", "young0000000") &&
		queue_files("reason") == 2 && queue_has("active", id) &&
		queue_has("active", ".tmp.lkjihgfedcba") &&
		queue_files("active") == 2,
	    "only what is old and of no use is swept away");
}

int
main(void)
{
	log_open("t-queue", LOG_TO_STDERR);
	test_open();
	test_conversion();
	test_part();
	test_no_litter();
	test_same_id();
	test_claim();
	test_commit();
	test_held();
	test_commit_of_another();
	test_commit_after_a_kill();
	test_set();
	test_defer();
	test_scan();
	test_damaged();
	test_two_names();
	test_reasons();
	test_turn();
	test_connections();
	test_sweep();
	return tap_done();
}
