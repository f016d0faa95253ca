/* SPDX-License-Identifier: ISC */
/*
 * A message of the queue as deliveries see it: LF for CR LF and nothing else
 * changed, damage noticed, header lines found where they are.
 */
#include "smtpd/local/local_message.h"

#include "common/io/file.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>

enum { LARGE = 200 * 1000 };

/* A queue file with this body; the head promises size octets of it. */
static int
queue_file(const char *body, size_t len, uint64_t size)
{
	struct mail m;
	struct recipient r = { .target = TARGET_USER,
		.text = "alice",
		.given = "",
		.owner = "",
		.orcpt = "" };
	size_t n;
	int fd = open(scratch_dir, O_TMPFILE | O_RDWR, 0600);

	mail_init(&m);
	m.size = size;
	scratch_need(fd != -1 && mail_add(&m, &r) == 0, "mail_add");
	char *head = mail_head(&m, &n);
	scratch_need(head != NULL && mail_head_size(head, n, size) == 0 &&
			 file_write(fd, head, n, 0) == 0 &&
			 file_write(fd, body, len, (off_t)n) == 0,
	    "queue file");
	free(head);
	mail_free(&m);
	return fd;
}

/* True if a descriptor holds exactly that. */
static bool
holds(int fd, const char *data, size_t len)
{
	struct stat st;
	char *got = malloc(len + 1);
	bool same =
	    got != NULL && fstat(fd, &st) == 0 && st.st_size == (off_t)len &&
	    file_read(fd, got, len, 0) == 0 && memcmp(got, data, len) == 0;

	free(got);
	return same;
}

static void
test_text(const char *what, const char *wire, const char *text)
{
	struct local_message l;
	int fd = queue_file(wire, strlen(wire), strlen(wire));

	if (ok(local_message_open(&l, fd, scratch_dir) == 0, "%s: opened",
		what)) {
		ok(holds(l.text, text, strlen(text)), "%s: the text", what);
		local_message_close(&l);
	}
	close(fd);
}

/* CR at the end of a buffer, and LF at the start of the next. */
static void
test_borders(void)
{
	char *wire = malloc(LARGE), *text = malloc(LARGE);
	bool good = true;

	scratch_need(wire != NULL && text != NULL, "malloc");
	for (size_t shift = 0; shift < 3; shift++) {
		size_t n = shift, m = shift;
		memset(wire, 'x', shift);
		memset(text, 'x', shift);
		while (n + 3 <= LARGE) {
			memcpy(wire + n, "y\r\n", 3);
			memcpy(text + m, "y\n", 2);
			n += 3;
			m += 2;
		}
		struct local_message l;
		int fd = queue_file(wire, n, n);
		good = local_message_open(&l, fd, scratch_dir) == 0 && good;
		good = good && holds(l.text, text, m);
		local_message_close(&l);
		close(fd);
	}
	ok(good, "line ends across the borders of buffers");
	free(wire);
	free(text);
}

static void
test_damage(void)
{
	struct local_message l;
	int fd = queue_file("x\r\n", 3, 4);

	ok(local_message_open(&l, fd, scratch_dir) == -1 && errno == EINVAL,
	    "a body that is too short");
	close(fd);
	fd = queue_file("x\r\n", 3, 2);
	ok(local_message_open(&l, fd, scratch_dir) == -1 && errno == EINVAL,
	    "a body that is too long");
	scratch_need(ftruncate(fd, 40) == 0, "ftruncate");
	ok(local_message_open(&l, fd, scratch_dir) == -1 && errno == EINVAL,
	    "a head that is too short");
	close(fd);
	fd = open("/dev/zero", O_RDONLY);
	ok(local_message_open(&l, fd, scratch_dir) == -1 && errno == EINVAL,
	    "what is no queue file");
	close(fd);
}

static void
test_header(void)
{
	static const char body[] = "Delivered-To: alice@a.example\r\n"
				   "X: Delivered-To: bob@a.example\r\n"
				   " Delivered-To: carol@a.example\r\n"
				   "delivered-to: Dave@A.example\r\n"
				   "\r\n"
				   "Delivered-To: erin@a.example\r\n";
	static const char *const there[] = { "alice@a.example",
		"dave@a.example" };
	static const char *const missing[] = { "bob@a.example",
		"carol@a.example", "erin@a.example", "alice@a.exampl",
		"alice@a.example.org" };
	char line[128];
	struct local_message l;
	int fd = queue_file(body, sizeof(body) - 1, sizeof(body) - 1);

	scratch_need(
	    local_message_open(&l, fd, scratch_dir) == 0, "local_message_open");
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		snprintf(line, sizeof(line), "Delivered-To: %s", there[i]);
		ok(local_message_has_line(&l, line), "in the header: %s",
		    there[i]);
	}
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		snprintf(line, sizeof(line), "Delivered-To: %s", missing[i]);
		ok(!local_message_has_line(&l, line), "not in the header: %s",
		    missing[i]);
	}
	int copy = local_message_copy(&l, "New: line", scratch_dir);
	char all[sizeof(body) + 16];
	snprintf(all, sizeof(all), "New: line\r\n%s", body);
	ok(copy != -1 && holds(copy, all, strlen(all)),
	    "a copy with a line on top");
	close(copy);
	local_message_close(&l);
	close(fd);
}

int
main(void)
{
	scratch_make();
	test_text("lines", "a\r\n\r\nb\r\n", "a\n\nb\n");
	test_text("nothing", "", "");
	test_text("bare CR", "a\rb\r\r\nc\r", "a\rb\r\nc\r");
	test_text("bare LF", "a\nb\r\n", "a\nb\n");
	test_borders();
	test_damage();
	test_header();
	return tap_done();
}
