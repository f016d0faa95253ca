/* SPDX-License-Identifier: ISC */
/*
 * A peer that sends an octet now and then must not hold a place for ever, and
 * a session must not get more memory than it is meant to have.
 */
#include "common/io/deadline.h"
#include "common/io/stream.h"
#include "common/process/sandbox.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { MIB = 1024 * 1024, LONG = 60000, STRETCH = 200 };

static void
test_pace(void)
{
	struct pace p;

	/* 1000 octets in each 100 ms; 50 have been seen before. */
	pace_start(&p, 5000, 50, 100, 1000);
	ok(pace_next(&p, 5000, 50) == 5100, "a stretch begins");
	ok(pace_next(&p, 5099, 1049) == 5100, "an octet too few: it goes on");
	ok(pace_next(&p, 5200, 1049) == 5100, "and is over when it is over");
	ok(pace_next(&p, 5060, 1050) == 5160, "enough: the next begins");
	ok(pace_next(&p, 5061, 2049) == 5160, "which asks for as many again");
	ok(pace_next(&p, 5062, 90000) == 5162, "and no more after a burst");
	ok(pace_next(&p, 5100, 90999) == 5162 &&
		pace_next(&p, 5100, 91000) == 5200,
	    "what was too much is not saved up");
}

/* A child that says an octet every few milliseconds, but never all. */
static pid_t
trickle(int fd, int theirs)
{
	struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
	pid_t pid = fork();

	if (pid == 0) {
		close(theirs);
		for (int i = 0; i < 1000; i++) {
			if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) {
				break;
			}
			nanosleep(&pause, NULL);
		}
		_exit(0);
	}
	return pid;
}

/* Reads a body, or a line, that never ends; octets: the pace, or 0. */
static enum line
endure(bool body, uint64_t octets)
{
	const char *data;
	char line[2000];
	size_t len;
	int pair[2];
	enum line got;

	scratch_need(
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	struct stream *s = stream_open(pair[0], pair[0], STRETCH, LONG);
	scratch_need(s != NULL, "stream_open");
	stream_pace(s, octets);
	pid_t pid = trickle(pair[1], pair[0]);
	close(pair[1]);
	do {
		got = body ? stream_peek(s, &data, &len)
		           : stream_getline(s, line, sizeof(line), &len);
		if (got == LINE_OK) {
			stream_consume(s, body ? len : 0);
		}
	} while (got == LINE_OK);
	stream_close(s);
	close(pair[0]);
	waitpid(pid, NULL, 0);
	return got;
}

static void
test_trickle(void)
{
	ok(endure(false, 0) == LINE_TIMEOUT,
	    "a line has its time from the first octet to the last");
	ok(endure(true, 10000) == LINE_TIMEOUT,
	    "a body that trickles is too slow");
	ok(endure(false, 10000) == LINE_TIMEOUT, "and a line after it");
}

/* True if a child can have so many octets at once, or in pieces. */
static bool
can_have(bool bound, size_t size, size_t pieces)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bool good = !bound || sandbox_memory(SANDBOX_MEMORY) == 0;
		for (size_t i = 0; good && i < pieces; i++) {
			char *p = malloc(size / pieces);
			good = p != NULL;
			if (good) {
				memset(p, 1, size / pieces);
			}
		}
		_exit(good ? 0 : 1);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
test_memory(void)
{
	if (SANITIZED) {
		note("a sanitizer has memory of its own");
		return;
	}
	ok(can_have(true, 12 * MIB, 1) && can_have(true, 12 * MIB, 3000),
	    "12 MiB can be had");
	ok(!can_have(true, 24 * MIB, 1) && !can_have(true, 24 * MIB, 6000),
	    "24 MiB cannot, at once or in pieces");
	ok(can_have(false, 24 * MIB, 6000), "but by who is not bound");
	char *mine = malloc(64 * (size_t)MIB);
	scratch_need(mine != NULL, "malloc");
	memset(mine, 1, 64 * (size_t)MIB);
	ok(can_have(true, 12 * MIB, 1) && !can_have(true, 24 * MIB, 1),
	    "what was inherited does not count");
	free(mine);
}

int
main(void)
{
	test_pace();
	test_trickle();
	test_memory();
	return tap_done();
}
