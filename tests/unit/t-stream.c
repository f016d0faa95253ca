/* SPDX-License-Identifier: ISC */
/*
 * Lines from the network: how long one may be, what one may not hold, and that
 * after each that was wrong the next one is read right, however the octets
 * come in pieces.
 */
#include "common/io/stream.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { ROOM = 16, LONG = 60000, SOON = 30 };

static const char *const results[] = { "OK", "LONG", "BAD", "FLOOD", "EOF",
	"TIMEOUT", "LATE", "SHUTDOWN" };

struct pair {
	int peer, ours;
	struct stream *stream;
};

static struct pair
open_pair(int timeout, int lifetime)
{
	int fd[2];

	scratch_need(
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
	struct pair p = { .peer = fd[0],
		.ours = fd[1],
		.stream = stream_open(fd[1], fd[1], timeout, lifetime) };
	scratch_need(p.stream != NULL, "stream_open");
	return p;
}

static void
close_pair(struct pair *p)
{
	stream_close(p->stream);
	close(p->ours);
	if (p->peer != -1) {
		close(p->peer);
	}
}

static void
say(const struct pair *p, const char *text, size_t len)
{
	scratch_need(write(p->peer, text, len) == (ssize_t)len, "write");
}

static void
hang_up(struct pair *p)
{
	close(p->peer);
	p->peer = -1;
}

/* What a client says, and what is read: "OK text", "BAD", ... */
static const struct {
	const char *name, *text;
	size_t len;
	bool lf; /* taken for a line end */
	const char *lines[6];
} cases[] = {
#define T(text) text, sizeof(text) - 1
	{ "a line", T("QUIT\r\n"), false, { "OK QUIT", "EOF" } },
	{ "an empty line", T("\r\n"), false, { "OK ", "EOF" } },
	{ "two lines", T("a\r\nb\r\n"), false, { "OK a", "OK b", "EOF" } },
	{ "blanks stay", T(" a \t\r\n"), false, { "OK  a \t", "EOF" } },
	{ "8-bit", T("\303\274\377\r\n"), false, { "OK \303\274\377", "EOF" } },
	{ "nothing", T(""), false, { "EOF", "EOF" } },
	{ "a line without end", T("a\r\nQUIT"), false, { "OK a", "EOF" } },
	{ "a line without LF", T("QUIT\r"), false, { "EOF" } },
	{ "a bare LF", T("a\nb\r\n"), false, { "BAD", "OK b", "EOF" } },
	{ "a bare LF alone", T("\nb\r\n"), false, { "BAD", "OK b", "EOF" } },
	{ "a bare CR", T("a\rb\r\nc\r\n"), false, { "BAD", "OK c", "EOF" } },
	{ "CR CR LF", T("a\r\r\nc\r\n"), false, { "BAD", "OK c", "EOF" } },
	{ "LF CR", T("a\n\rb\r\nc\r\n"), false,
	    { "BAD", "BAD", "OK c", "EOF" } },
	{ "NUL", T("a\0b\r\nc\r\n"), false, { "BAD", "OK c", "EOF" } },
	{ "NUL at the start", T("\0\r\nc\r\n"), false,
	    { "BAD", "OK c", "EOF" } },
	{ "NUL at the end", T("a\0\r\nc\r\n"), false,
	    { "BAD", "OK c", "EOF" } },
	{ "LF taken", T("a\nb\r\n\n"), true, { "OK a", "OK b", "OK ", "EOF" } },
	{ "LF taken, a bare CR", T("a\rb\nc\n"), true,
	    { "BAD", "OK c", "EOF" } },
	{ "LF taken, NUL", T("a\0\nc\n"), true, { "BAD", "OK c", "EOF" } },
	{ "14 octets", T("12345678901234\r\nc\r\n"), false,
	    { "OK 12345678901234", "OK c", "EOF" } },
	{ "15 octets", T("123456789012345\r\nc\r\n"), false,
	    { "OK 123456789012345", "OK c", "EOF" } },
	{ "16 octets", T("1234567890123456\r\nc\r\n"), false,
	    { "LONG", "OK c", "EOF" } },
	{ "17 octets", T("12345678901234567\r\nc\r\n"), false,
	    { "LONG", "OK c", "EOF" } },
	{ "15 octets and LF", T("123456789012345\nc\n"), true,
	    { "OK 123456789012345", "OK c", "EOF" } },
	{ "16 octets and LF", T("1234567890123456\nc\n"), true,
	    { "LONG", "OK c", "EOF" } },
	{ "40 octets", T("1234567890123456789012345678901234567890\r\nc\r\n"),
	    false, { "LONG", "OK c", "EOF" } },
	{ "two long ones",
	    T("12345678901234567\r\n12345678901234567890\r\nc\r\n"), false,
	    { "LONG", "LONG", "OK c", "EOF" } },
	{ "a long one with all else", T("1234567890\0\r1234567890\r\nc\r\n"),
	    false, { "LONG", "OK c", "EOF" } },
	{ "a long one without end", T("12345678901234567890"), false,
	    { "EOF" } },
};

/* Reads as expected; split: where the octets are cut in two, or SIZE_MAX. */
static bool
reads(size_t i, size_t split)
{
	struct pair p = open_pair(LONG, LONG);
	bool good = true, said = split == SIZE_MAX;

	stream_accept_lf(p.stream, cases[i].lf);
	for (size_t at = 0; said && at < cases[i].len; at++) {
		say(&p, cases[i].text + at, 1);
	}
	if (said) {
		hang_up(&p);
	} else {
		say(&p, cases[i].text, split);
		/* So that the second part is read apart from the first. */
		scratch_need(stream_poll(p.stream) != LINE_EOF, "stream_poll");
		say(&p, cases[i].text + split, cases[i].len - split);
		hang_up(&p);
	}
	for (size_t k = 0; good && k < 6 && cases[i].lines[k] != NULL; k++) {
		char line[ROOM + 1], got[64];
		size_t len = 0;
		line[ROOM] = 'x';
		enum line l = stream_getline(p.stream, line, ROOM, &len);
		bool text = l == LINE_OK;
		snprintf(got, sizeof(got), "%s%s%s", results[l],
		    text ? " " : "", text ? line : "");
		good = strcmp(got, cases[i].lines[k]) == 0 &&
		       line[ROOM] == 'x' && (!text || strlen(line) == len);
		if (!good) {
			note("line %zu, split at %zu: %s", k, split, got);
		}
	}
	close_pair(&p);
	return good;
}

static void
test_lines(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = reads(i, SIZE_MAX);
		for (size_t split = 0; good && split <= cases[i].len; split++) {
			good = reads(i, split);
		}
		ok(good, "%s", cases[i].name);
	}
}

/* What was a short piece, after which there is likely nothing more. */
static void
test_drained(void)
{
	struct pair p = open_pair(LONG, LONG);
	char line[ROOM + 1];
	size_t len;

	ok(!stream_drained(p.stream), "before the first piece");
	say(&p, "a\r\nb\r\n", 6);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		!stream_drained(p.stream),
	    "not while a line is buffered");
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		stream_drained(p.stream),
	    "after a short piece");
	say(&p, "c\r\n", 3);
	ok(stream_poll(p.stream) == LINE_OK && !stream_drained(p.stream),
	    "stream_poll() looks nevertheless");
	stream_consume(p.stream, 3);
	say(&p, "d\r\n", 3);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		strcmp(line, "d") == 0,
	    "what came meanwhile is read");
	char *large = calloc(1, 1024);
	say(&p, large, 1024);
	free(large);
	ok(stream_poll(p.stream) == LINE_OK, "a large piece");
	stream_consume(p.stream, 1024);
	ok(!stream_drained(p.stream), "after it there may be more");
	hang_up(&p);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_EOF, "the end");
	close_pair(&p);
}

/* A child says what does not fit into the socket's buffer. */
static pid_t
say_much(const struct pair *p, size_t len, const char *end)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct bytes b = { .len = 0 };
		bytes_fill(&b, 'x', len);
		bytes_text(&b, end);
		close(p->ours);
		for (size_t at = 0; at < b.len;) {
			ssize_t n = send(
			    p->peer, b.data + at, b.len - at, MSG_NOSIGNAL);
			if (n <= 0) {
				break;
			}
			at += (size_t)n;
		}
		_exit(0);
	}
	return pid;
}

static void
test_flood(void)
{
	static const struct {
		size_t len;
		enum line result;
	} floods[] = {
		{ 2000, LINE_OK },
		{ 32 * 1024 - 1, LINE_LONG },
		{ 32 * 1024, LINE_LONG },
		{ 32 * 1024 + 1, LINE_LONG },
		{ 60 * 1024, LINE_LONG },
		{ 200 * 1024, LINE_FLOOD },
		{ 2000 * 1024, LINE_FLOOD },
	};

	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct pair p = open_pair(LONG, LONG);
		pid_t pid = say_much(&p, floods[i].len, "\r\nnext\r\n");
		char line[2048];
		size_t len;
		enum line got =
		    stream_getline(p.stream, line, sizeof(line), &len);
		bool good = got == floods[i].result;
		if (got == LINE_LONG) {
			good = good &&
			       stream_getline(p.stream, line, sizeof(line),
				   &len) == LINE_OK &&
			       strcmp(line, "next") == 0;
		}
		ok(good, "a line of %zu octets is %s", floods[i].len,
		    results[got]);
		close_pair(&p);
		waitpid(pid, NULL, 0);
	}
}

static void
test_times(void)
{
	struct pair p = open_pair(SOON, LONG);
	char line[ROOM];
	const char *data;
	size_t len;

	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_TIMEOUT,
	    "nothing comes: timeout");
	say(&p, "a", 1);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_TIMEOUT,
	    "half a line comes: timeout");
	say(&p, "b\r\n", 3);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		strcmp(line, "ab") == 0,
	    "the rest of it comes after all");
	say(&p, "12345678901234567890", 20);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_TIMEOUT,
	    "a long line stalls: timeout");
	ok(stream_peek(p.stream, &data, &len) == LINE_TIMEOUT,
	    "a body stalls: timeout");
	close_pair(&p);
	p = open_pair(LONG, SOON);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_LATE,
	    "the session is over: late");
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_LATE,
	    "and stays so");
	close_pair(&p);
	p = open_pair(SOON, LONG);
	static char much[64 * 1024];
	for (int i = 0; i < 200; i++) {
		stream_write(p.stream, much, sizeof(much));
	}
	ok(stream_flush(p.stream) == -1, "nobody reads: an error in the end");
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_EOF,
	    "after which there is no peer any more");
	close_pair(&p);
}

static void
test_bytes(void)
{
	struct pair p = open_pair(LONG, LONG);
	static char big[40000];
	char line[ROOM];
	const char *data;
	size_t len;

	ok(stream_poll(p.stream) == LINE_TIMEOUT, "nothing there now");
	say(&p, "line\r\nbody", 10);
	ok(stream_poll(p.stream) == LINE_OK &&
		stream_buffered(p.stream, &data) == 10,
	    "something there now");
	ok(!stream_unread(p.stream, "x", 1), "no room to put bytes back");
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK, "a line");
	ok(stream_peek(p.stream, &data, &len) == LINE_OK && len == 4 &&
		memcmp(data, "body", 4) == 0,
	    "a look at bytes");
	ok(stream_peek(p.stream, &data, &len) == LINE_OK && len == 4,
	    "they stay");
	stream_consume(p.stream, 3);
	ok(stream_peek(p.stream, &data, &len) == LINE_OK && len == 1 &&
		*data == 'y',
	    "until they are taken");
	stream_consume(p.stream, 1);
	ok(stream_unread(p.stream, "again\r\n", 7), "room to put bytes back");
	say(&p, "more\r\n", 6);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		strcmp(line, "again") == 0 &&
		stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		strcmp(line, "more") == 0,
	    "they come first");
	ok(!stream_unread(p.stream, big, sizeof(big)),
	    "more than there is room");
	ok(stream_received(p.stream) == 16, "what came is counted");
	hang_up(&p);
	ok(stream_peek(p.stream, &data, &len) == LINE_EOF &&
		stream_poll(p.stream) == LINE_EOF,
	    "the end");
	close_pair(&p);
}

static void
test_output(void)
{
	struct pair p = open_pair(LONG, LONG);
	char line[ROOM], got[64] = "";
	size_t len;

	stream_printf(p.stream, "%d %s\r\n", 220, "hello");
	ok(recv(p.peer, got, sizeof(got), MSG_DONTWAIT) == -1,
	    "what is written waits");
	say(&p, "a\r\nb\r\n", 6);
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		recv(p.peer, got, sizeof(got) - 1, MSG_DONTWAIT) == 11 &&
		strcmp(got, "220 hello\r\n") == 0,
	    "until something is read");
	stream_printf(p.stream, "x");
	ok(stream_getline(p.stream, line, ROOM, &len) == LINE_OK &&
		recv(p.peer, got, sizeof(got), MSG_DONTWAIT) == -1,
	    "not while pipelined lines are at hand");
	ok(stream_flush(p.stream) == 0 && stream_sent(p.stream) == 12,
	    "or until it is flushed");
	hang_up(&p);
	stream_printf(p.stream, "lost");
	ok(stream_flush(p.stream) == -1, "a peer that is gone is an error");
	stream_printf(p.stream, "lost, too");
	ok(stream_flush(p.stream) == -1, "which stays");
	close_pair(&p);
}

/* A connection that fails once, and is as before then, as for want of memory.
 */
static ssize_t
fail_once(struct tls_session *tls, void *buf, size_t size)
{
	static bool failed;

	(void)tls;
	(void)buf;
	(void)size;
	errno = failed ? EAGAIN : ENOMEM;
	failed = true;
	return -1;
}

static ssize_t
take_all(struct tls_session *tls, const void *buf, size_t size)
{
	(void)tls;
	(void)buf;
	return (ssize_t)size;
}

static bool
never_drained(struct tls_session *tls)
{
	(void)tls;
	return false;
}

static void
end_nothing(struct tls_session *tls)
{
	(void)tls;
}

/* After an error nothing is waited for: a reply may never come. */
static void
test_failure(void)
{
	static const struct stream_transport failing = {
		.receive = fail_once,
		.send = take_all,
		.drained = never_drained,
		.close = end_nothing,
	};
	struct pair p = open_pair(LONG, LONG);
	const char *data;
	size_t len;

	stream_secure(p.stream, &failing, (struct tls_session *)(uintptr_t)1);
	enum line first = stream_poll(p.stream);
	enum line then = stream_peek(p.stream, &data, &len);
	ok(first == LINE_EOF && then == LINE_EOF,
	    "a connection that has failed stays so: %s, %s", results[first],
	    results[then]);
	close_pair(&p);
}

int
main(void)
{
	test_lines();
	test_drained();
	test_flood();
	test_times();
	test_bytes();
	test_output();
	test_failure();
	return tap_done();
}
