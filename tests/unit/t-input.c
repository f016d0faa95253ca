/* SPDX-License-Identifier: ISC */
/*
 * Messages as scripts pipe them: an end of line that is read as text garbles a
 * message, a dot that is taken for the end cuts it, and all of that may fall on
 * the edge of a read.
 */
#include "smtpd/send/input.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A pipe that yields text in pieces of step octets, by a process. */
static int
feed(const char *text, size_t len, size_t step)
{
	int pair[2];

	/* Records keep the pieces apart. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1) {
		exit(1);
	}
	fflush(stdout);
	if (fork() == 0) {
		close(pair[0]);
		for (size_t i = 0; i < len; i += step) {
			size_t n = len - i < step ? len - i : step;
			if (write(pair[1], text + i, n) != (ssize_t)n) {
				break;
			}
		}
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

/* The lines of an input with "|" after each, and what it ended with. */
static void
lines(struct input *in, char *out, size_t size)
{
	struct piece p;
	size_t n = 0;
	enum input_event event;

	while ((event = input_next(in, &p)) == INPUT_PIECE) {
		n += (size_t)snprintf(out + n, size - n, "%.*s%s", (int)p.len,
		    p.text, p.last ? "|" : "");
	}
	snprintf(out + n, size - n, "%s", event == INPUT_END ? "" : "ERROR");
}

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	bool dot_is_text;
	const char *wanted;
} cases[] = {
	{ TEXT(""), false, "" },
	{ TEXT("a"), false, "a|" },
	{ TEXT("a\n"), false, "a|" },
	{ TEXT("a\r\n"), false, "a|" },
	{ TEXT("a\nb\r\nc\n\r\nd"), false, "a|b|c||d|" },
	{ TEXT("a\r\r\n\r\r\r\nb\r\r\r"), false, "a||b|" },
	{ TEXT("a\rb\n"), false, "a\rb|" },
	{ TEXT("a\r"), false, "a|" },
	{ TEXT("\r"), false, "|" },
	{ TEXT("a\n\r\r"), false, "a||" },
	{ TEXT("a\n.\r"), false, "a|" },
	{ TEXT("\n\n"), false, "||" },
	{ TEXT("a\n.\nb\n"), false, "a|" },
	{ TEXT("a\n.\r\nb\n"), false, "a|" },
	{ TEXT("a\n."), false, "a|" },
	{ TEXT(".\n"), false, "" },
	{ TEXT("a\n.\nb\n"), true, "a|.|b|" },
	{ TEXT("a\n..\n.b\nc.\n"), false, "a|..|.b|c.|" },
	{ TEXT("From me Sat\na\n"), true, "From me Sat|a|" },
	{ TEXT("From: me\n"), true, "From: me|" },
	{ TEXT("a\0b\n"), true, "a?b|" },
	{ TEXT("a\nb\0\nc\n"), true, "a|b?|c|" },
};

static void
test_lines(void)
{
	static struct input in;
	static const size_t steps[] = { 1, 2, 3, 1000 };
	char got[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = true;
		for (size_t k = 0; k < 4; k++) {
			in = (struct input){ .fd = feed(cases[i].text,
						 cases[i].len, steps[k]),
				.dot_is_text = cases[i].dot_is_text };
			lines(&in, got, sizeof(got));
			close(in.fd);
			wait(NULL);
			good = good && strcmp(got, cases[i].wanted) == 0;
		}
		if (!ok(good, "lines of case %zu", i)) {
			note("got %s, wanted %s", got, cases[i].wanted);
		}
	}
}

/* Lines that are longer than the buffer, with CR LF anywhere at its edge. */
static void
test_long(void)
{
	static struct input in;
	static char text[3 * INPUT_SIZE];
	bool good = true;

	for (size_t extra = 0; extra < 8 && good; extra++) {
		size_t len = INPUT_SIZE - 4 + extra, got = 0, ends = 0;
		struct piece p;
		memset(text, '.', len);
		memcpy(text + len, "\r\nb\r\n", 5);
		in = (struct input){ .fd = feed(text, len + 5, 4096) };
		while (input_next(&in, &p) == INPUT_PIECE) {
			good = good && memchr(p.text, '\r', p.len) == NULL &&
			       p.first == (got == 0 || ends == 1);
			got += p.len;
			ends += p.last;
		}
		close(in.fd);
		wait(NULL);
		good = good && got == len + 1 && ends == 2;
	}
	ok(good, "lines around the size of the buffer");
}

static const struct {
	const char *text, *head, *rest;
} heads[] = {
	{ "To: b\n\nc\n", "To: b\n", "c|" },
	{ "To: b\r\nC: d\n\nc\n", "To: b\nC: d\n", "c|" },
	{ "To: b\r\r\nC: d\r\r\n\r\r\nc\r\r\n", "To: b\nC: d\n", "c|" },
	{ "To: b\n c\n\td\n\n", "To: b\n c\n\td\n", "" },
	{ "To: b\nhello there\nC: d\n", "To: b\n", "hello there|C: d|" },
	{ "hello\nTo: b\n", "", "hello|To: b|" },
	{ "\nhello\n", "", "hello|" },
	{ "\nTo: b\n", "", "To: b|" },
	{ "To: b\n\r", "To: b\n", "" },
	{ "To: b\r", "To: b\n", "" },
	{ "\r", "", "" },
	{ " hello\n", "", " hello|" },
	{ "", "", "" },
	{ "To: b", "To: b\n", "" },
	{ "To: b\rBcc: c\n\n", "To: b Bcc: c\n", "" },
	{ "To : b\n\nc\n", "To : b\n", "c|" },
	{ "To: b\n.\n", "To: b\n", "" },
	{ "To: b\n\n.\nc\n", "To: b\n", "" },
	{ "To: b\n: c\nC: d\n\ne\n", "To: b\n: c\nC: d\n", "e|" },
	{ ": c\nTo: d\n\ne\n", ": c\nTo: d\n", "e|" },
	/* Lines of an mbox go if a section follows. */
	{ "From me\nTo: b\n\nc\n", "To: b\n", "c|" },
	{ "From me\r\nTo: b\r\n\r\nc\r\n", "To: b\n", "c|" },
	{ ">From me\nFrom you\nTo: b\n\nc\n", "To: b\n", "c|" },
	{ "From here on\nit is dark.\n", "", "From here on|it is dark.|" },
	{ "From here\n\nit is dark.\n", "", "From here||it is dark.|" },
	{ "From: me\nFrom you\n\nc\n", "From: me\n", "From you||c|" },
	/* Text that looks like fields is text. */
	{ "Warning: disk full\n", "", "Warning: disk full|" },
	{ "Warning: disk\n full\n\nx\n", "", "Warning: disk| full||x|" },
	{ "10:30 done\n10:31 out\nbye\n", "", "10:30 done|10:31 out|bye|" },
	{ "http://x is down\r\n\r\nx\r\n", "", "http://x is down||x|" },
	{ ":-) hello\n", "", ":-) hello|" },
	{ "Warning: x\n.\nb\n", "", "Warning: x|" },
	{ "Host: a\nSubject: b\n\nc\n", "Host: a\nSubject: b\n", "c|" },
	{ "X-Cron-Env: a\n\nc\n", "X-Cron-Env: a\n", "c|" },
	{ "content-type: a\n\nc\n", "content-type: a\n", "c|" },
};

static void
test_heads(void)
{
	static struct input in;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char *head = NULL, rest[256] = "";
		size_t len = 0;
		in = (struct input){
			.fd = feed(heads[i].text, strlen(heads[i].text), 3),
		};
		enum head_result result = head_read(&in, &head, &len);
		lines(&in, rest, sizeof(rest));
		close(in.fd);
		wait(NULL);
		if (!ok(result == HEAD_OK &&
			    strcmp(len == 0 ? "" : head, heads[i].head) == 0 &&
			    strcmp(rest, heads[i].rest) == 0,
			"header section of case %zu", i)) {
			note("got %s and %s", head == NULL ? "" : head, rest);
		}
		free(head);
		free(in.back);
	}
}

/* A log has many lines with a colon, and some are longer than a buffer. */
static void
test_big_log(void)
{
	static struct input in;
	static char text[HEAD_MOST + 3 * INPUT_SIZE];
	struct piece p;
	size_t len = 0, got = 0;
	char *head = NULL;
	bool same = true;

	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		text[i] = "10:30 done\n"[i % 11];
	}
	memset(text + 22, 'x', 2 * INPUT_SIZE);
	text[sizeof(text) - 1] = '\n';
	FILE *file = tmpfile();
	if (file == NULL || fwrite(text, sizeof(text), 1, file) != 1) {
		exit(1);
	}
	rewind(file);
	in = (struct input){ .fd = fileno(file) };
	ok(head_read(&in, &head, &len) == HEAD_OK && len == 0,
	    "a long log has no header section");
	while (input_next(&in, &p) == INPUT_PIECE) {
		same = same && p.len <= INPUT_SIZE &&
		       memcmp(text + got, p.text, p.len) == 0;
		got += p.len + p.last;
	}
	ok(same && got == sizeof(text), "and all of it is text");
	free(head);
	free(in.back);
	fclose(file);
}

static void
test_big_head(void)
{
	static struct input in;
	static char text[HEAD_MOST + 100];
	char *head = NULL;
	size_t len = 0;

	memset(text, 'x', sizeof(text));
	memcpy(text, "To: ", 4);
	in = (struct input){ .fd = feed(text, sizeof(text), 32768) };
	ok(head_read(&in, &head, &len) == HEAD_LONG,
	    "a header section has a bound");
	free(head);
	close(in.fd);
	wait(NULL);
	head = NULL;
	in = (struct input){ .fd = feed("To: b\0c\n", 8, 100) };
	ok(head_read(&in, &head, &len) == HEAD_OK &&
		memmem(head, len, "b?c", 3) != NULL,
	    "a NUL in it is replaced");
	free(head);
	close(in.fd);
	wait(NULL);
	head = NULL;
	in = (struct input){ .fd = -1 };
	ok(head_read(&in, &head, &len) == HEAD_ERROR, "no input");
	free(head);
}

int
main(void)
{
	test_lines();
	test_long();
	test_heads();
	test_big_log();
	test_big_head();
	return tap_done();
}
