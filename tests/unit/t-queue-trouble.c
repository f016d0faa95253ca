/* SPDX-License-Identifier: ISC */
/*
 * The queue on a machine in trouble: /proc is not mounted, memory is short, or
 * the messages there were written by a later version.
 */
#include "tests/unit/t-queue.h"

#include "common/log/log.h"
#include "tests/unit/tap.h"

#include <stdarg.h>

static struct queue q;

static struct {
	bool no_proc, no_empty_path;
	int lines; /* that getline(3) still reads, or -1 */
} trouble = { .lines = -1 };

int __real_linkat(int, const char *, int, const char *, int);
int __wrap_linkat(int, const char *, int, const char *, int);
int __real_open(const char *, int, ...);
int __wrap_open(const char *, int, ...);
ssize_t __real_getline(char **, size_t *, FILE *);
ssize_t __wrap_getline(char **, size_t *, FILE *);
ssize_t __wrap___getdelim(char **, size_t *, int, FILE *);

int
__wrap_linkat(int from, const char *path, int to, const char *as, int flags)
{
	bool empty = (flags & AT_EMPTY_PATH) != 0;

	if (empty ? trouble.no_empty_path : trouble.no_proc) {
		errno = ENOENT;
		return -1;
	}
	return __real_linkat(from, path, to, as, flags);
}

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (trouble.no_proc && strncmp(path, "/proc/", 6) == 0) {
		errno = ENOENT;
		return -1;
	}
	if ((flags & O_CREAT) != 0) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return __real_open(path, flags, mode);
}

ssize_t
__wrap_getline(char **line, size_t *size, FILE *f)
{
	if (trouble.lines == 0) {
		errno = ENOMEM;
		return -1;
	}
	trouble.lines -= trouble.lines > 0;
	return __real_getline(line, size, f);
}

ssize_t
__wrap___getdelim(char **line, size_t *size, int end, FILE *f)
{
	scratch_need(end == '\n', "getline");
	return __wrap_getline(line, size, f);
}

/* ---- without /proc ---- */

static void
test_no_proc(void)
{
	char text[16];
	struct mail m;
	struct queue_file f;

	trouble.no_proc = true;
	for (int i = 0; i < 2; i++) {
		trouble.no_empty_path = i == 1;
		queue_fresh(&q);
		queue_mail(&m, 1);
		ok(queue_put(&q, &m, "Subject: x\n\nhello\n", 18, false) == 0 &&
			queue_files("active") == 1 && queue_has("active", m.id),
		    "without /proc, a message is put in%s",
		    i == 1 ? ", and without a link by descriptor" : "");
		scratch_need(
		    queue_claim(&q, QUEUE_ACTIVE, m.id, &f) == QUEUE_CLAIMED,
		    "claim");
		int fd = queue_open_body(&f);
		ok(fd != -1 && pread(fd, text, 10, f.body) == 10 &&
			memcmp(text, "Subject: x", 10) == 0 &&
			write(fd, "x", 1) == -1,
		    "and its body can be read, and not written");
		close(fd);
		queue_release(&f);
		ok(queue_put(&q, &m, "x\n", 2, false) == -1 &&
			errno == EEXIST && queue_files("active") == 1,
		    "nor does it go in twice");
		mail_free(&m);
	}
	trouble.no_proc = trouble.no_empty_path = false;
}

/* By its name another file may be found: that one is not the message. */
static void
test_another_file(void)
{
	char id[MAIL_ID + 1], path[PATH_MAX];
	struct queue_file f;

	queue_fresh(&q);
	queue_put_one(&q, id, 1);
	scratch_need(
	    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "claim");
	scratch_need(unlink(queue_path_of(path, "active", id)) == 0, path);
	scratch_write(path, "another", 7);
	trouble.no_proc = true;
	ok(queue_open_body(&f) == -1 && errno == ENOENT,
	    "a file that came in its place is not taken for it");
	trouble.no_proc = false;
	queue_release(&f);
}

/* ---- of a later version ---- */

static void
set_first_line(const char *id, const char *text)
{
	char path[PATH_MAX], line[MAIL_LINE + 1];
	int fd = open(queue_path_of(path, "active", id), O_WRONLY | O_CLOEXEC);

	snprintf(line, sizeof(line), "%-31s\n", text);
	scratch_need(
	    fd != -1 && pwrite(fd, line, MAIL_LINE, 0) == MAIL_LINE, path);
	close(fd);
}

static void
test_later(void)
{
	static const char *const later[] = { "restante-queue 2  000001",
		"restante-queue 2", "restante-queue 10  whatever",
		"restante-queue 3 x", "restante-queue 2222222222222222" };
	static const char *const damaged[] = { "restante-queue 0  000001",
		"restante-queue 01  000001", "restante-queue -2  000001",
		"restante-queue 2x  000001", "restante-queue 1  00000x",
		"restante-queue", "Restante-queue 2", "restante-queue  2" };
	struct queue_file f;
	char id[MAIL_ID + 1];

	queue_fresh(&q);
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		queue_put_one(&q, id, 1);
		set_first_line(id, later[i]);
		ok(queue_read(&q, QUEUE_ACTIVE, id, &f) == QUEUE_LATER &&
			queue_has("active", id) &&
			queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_LATER &&
			queue_has("hold", id) && queue_files("corrupt") == 0 &&
			queue_claim(&q, QUEUE_HOLD, id, &f) == QUEUE_LATER &&
			queue_has("hold", id) && f.fd == -1,
		    "\"%s\" is of a later version, and held", later[i]);
	}
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		queue_put_one(&q, id, 1);
		set_first_line(id, damaged[i]);
		ok(queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_DAMAGED &&
			queue_has("corrupt", id),
		    "\"%s\" is damage", damaged[i]);
	}
}

/* ---- reasons that cannot be read now ---- */

static bool
reason_is(const char *id, size_t recipient, const char *text)
{
	char reason[QUEUE_REASON];
	struct queue_file f;

	scratch_need(
	    queue_read(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "read");
	queue_reason(&f, recipient, reason);
	queue_release(&f);
	return strcmp(reason, text) == 0;
}

static void
test_reasons(void)
{
	char id[MAIL_ID + 1];
	struct queue_file f;
	bool whole = true;

	queue_fresh(&q);
	queue_put_one(&q, id, 3);
	scratch_need(
	    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "claim");
	queue_set_reason(&f, 0, "none");
	queue_set_reason(&f, 1, "one");
	queue_set_reason(&f, 2, "two");
	queue_release(&f);
	for (int lines = 0; lines < 4; lines++) {
		scratch_need(
		    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED,
		    "claim");
		trouble.lines = lines;
		queue_set_reason(&f, 1, "newer");
		/* Still without memory for a line. */
		queue_release(&f);
		trouble.lines = -1;
		whole = whole && reason_is(id, 0, "none") &&
		        reason_is(id, 1, "one") && reason_is(id, 2, "two");
	}
	ok(whole, "reasons of which a part was read do not replace the file");
	scratch_need(
	    queue_claim(&q, QUEUE_ACTIVE, id, &f) == QUEUE_CLAIMED, "claim");
	trouble.lines = 2;
	queue_set_reason(&f, 1, "newer");
	trouble.lines = -1;
	queue_release(&f);
	ok(reason_is(id, 0, "none") && reason_is(id, 1, "newer") &&
		reason_is(id, 2, "two"),
	    "one that came meanwhile is added when they can be read");
}

int
main(void)
{
	log_open("t-queue-trouble", LOG_TO_STDERR);
	test_no_proc();
	test_another_file();
	test_later();
	test_reasons();
	return tap_done();
}
