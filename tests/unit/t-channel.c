/* SPDX-License-Identifier: ISC */
/*
 * Requests between processes.  A session may be an attacker's: a message of
 * any size must be told from a good one, and a wrong answer must not pass for
 * the right one.
 */
#include "common/job/channel.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { PAYLOAD = 100 };

static int fd[2];

static void
open_channel(void)
{
	scratch_need(
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0, "socketpair");
}

static void
close_channel(void)
{
	close(fd[0]);
	close(fd[1]);
}

static const struct {
	const char *name;
	size_t size; /* of the message, the header included */
	ssize_t result;
} sizes[] = {
	{ "one octet", 1, -1 },
	{ "half a header", sizeof(struct request) / 2, -1 },
	{ "an octet less than a header", sizeof(struct request) - 1, -1 },
	{ "a header alone", sizeof(struct request), 0 },
	{ "a header and an octet", sizeof(struct request) + 1, 1 },
	{ "all that there is room for", sizeof(struct request) + PAYLOAD,
	    PAYLOAD },
	{ "an octet more", sizeof(struct request) + PAYLOAD + 1, -1 },
	{ "much more", 60000, -1 },
};

static void
test_sizes(void)
{
	static char message[60000];
	const struct request req = { .kind = REQUEST_LOGIN, .serial = 7 };

	memset(message, 'x', sizeof(message));
	memcpy(message, &req, sizeof(req));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct request got = { .kind = 0 };
		char payload[PAYLOAD + 1];
		payload[PAYLOAD] = 'y';
		open_channel();
		scratch_need(send(fd[0], message, sizes[i].size, 0) ==
				 (ssize_t)sizes[i].size,
		    "send");
		errno = 0;
		ssize_t n = channel_receive(fd[1], &got, payload, PAYLOAD);
		ok(n == sizes[i].result && payload[PAYLOAD] == 'y' &&
			(n == -1
				? errno == EBADMSG
				: got.kind == REQUEST_LOGIN && got.serial == 7),
		    "a request of %s", sizes[i].name);
		ok(channel_receive(fd[1], &got, payload, PAYLOAD) == -1 &&
			errno == EAGAIN,
		    "and nothing of it is left");
		close_channel();
	}
}

static void
test_states(void)
{
	struct request req;
	char payload[PAYLOAD];

	open_channel();
	ok(channel_receive(fd[1], &req, payload, PAYLOAD) == -1 &&
		errno == EAGAIN,
	    "none yet: EAGAIN, without waiting");
	close(fd[0]);
	ok(channel_receive(fd[1], &req, payload, PAYLOAD) == -1 &&
		errno == EPIPE,
	    "closed: EPIPE");
	channel_answer(fd[1], 1, STATUS_OK);
	ok(channel_call(fd[1], REQUEST_RCPT, "x", 2) == STATUS_TEMPORARY,
	    "closed: a call is temporary trouble, and no signal");
	close(fd[1]);
	open_channel();
	for (int i = 0; i < 100000; i++) {
		channel_answer(fd[1], 1, STATUS_OK);
	}
	ok(true, "answering somebody who does not listen does not block");
	close_channel();
}

/* The server's part: takes a request and sends these answers. */
static pid_t
server(const struct answer *answers, size_t n, size_t size)
{
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	struct request req;
	char payload[PAYLOAD];
	close(fd[0]);
	while (channel_receive(fd[1], &req, payload, PAYLOAD) == -1 &&
	       errno == EAGAIN) {
		usleep(1000);
	}
	for (size_t i = 0; i < n; i++) {
		struct answer a = answers[i];
		a.serial += req.serial; /* given relative to it */
		send(fd[1], &a, size, 0);
	}
	_exit(0);
}

static const struct {
	const char *name;
	struct answer answers[3];
	size_t n, size;
	enum status result;
} calls[] = {
	{ "the answer", { { 0, STATUS_NO } }, 1, sizeof(struct answer),
	    STATUS_NO },
	{ "OK", { { 0, STATUS_OK } }, 1, sizeof(struct answer), STATUS_OK },
	{ "an old answer first",
	    { { (uint32_t)-1, STATUS_OK }, { 0, STATUS_FULL } }, 2,
	    sizeof(struct answer), STATUS_FULL },
	{ "only an old one", { { (uint32_t)-1, STATUS_OK } }, 1,
	    sizeof(struct answer), STATUS_TEMPORARY },
	{ "one from the future", { { 1, STATUS_OK } }, 1, sizeof(struct answer),
	    STATUS_TEMPORARY },
	{ "none", { { 0, STATUS_OK } }, 0, sizeof(struct answer),
	    STATUS_TEMPORARY },
	{ "half of one", { { 0, STATUS_OK } }, 1, sizeof(uint32_t),
	    STATUS_TEMPORARY },
};

static void
test_calls(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		open_channel();
		pid_t pid = server(calls[i].answers, calls[i].n, calls[i].size);
		close(fd[1]);
		enum status s = channel_call(fd[0], REQUEST_RCPT, "bob", 4);
		ok(s == calls[i].result, "a call that gets %s", calls[i].name);
		close(fd[0]);
		waitpid(pid, NULL, 0);
	}
}

/* Answers with data: as many octets as there is room for, or none at all. */
static void
test_data(void)
{
	static const struct {
		const char *test;
		enum status status;
		size_t sent, room;
		enum status result;
	} cases[] = {
		{ "as many as asked for", STATUS_OK, 4, 4, STATUS_OK },
		{ "the most", STATUS_OK, CHANNEL_DATA, CHANNEL_DATA,
		    STATUS_OK },
		{ "one less", STATUS_OK, 3, 4, STATUS_TEMPORARY },
		{ "one more", STATUS_OK, 5, 4, STATUS_TEMPORARY },
		{ "none", STATUS_OK, 0, 4, STATUS_TEMPORARY },
		{ "some that nobody asked for", STATUS_OK, 4, 0,
		    STATUS_TEMPORARY },
		{ "more than ever", STATUS_OK, CHANNEL_DATA + 1, CHANNEL_DATA,
		    STATUS_TEMPORARY },
		{ "none with NO", STATUS_NO, 0, 4, STATUS_NO },
		{ "some with NO", STATUS_NO, 4, 4, STATUS_TEMPORARY },
	};
	char sent[CHANNEL_DATA + 1], got[CHANNEL_DATA + 1];

	memset(sent, 'x', sizeof(sent));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(got, 'y', sizeof(got));
		open_channel();
		pid_t pid = fork();
		if (pid == 0) {
			struct request req = { .serial = 0 };
			char payload[PAYLOAD];
			while (channel_receive(fd[1], &req, payload, PAYLOAD) ==
			       -1) {
				usleep(1000);
			}
			channel_answer_data(fd[1], req.serial, cases[i].status,
			    sent, cases[i].sent);
			_exit(0);
		}
		close(fd[1]);
		enum status s = channel_ask(
		    fd[0], REQUEST_SALT, "bob", 4, got, cases[i].room);
		size_t n = s == STATUS_OK ? cases[i].room : 0;
		ok(s == cases[i].result && memcmp(got, sent, n) == 0 &&
			got[n] == 'y',
		    "an answer with data: %s", cases[i].test);
		close(fd[0]);
		waitpid(pid, NULL, 0);
	}
}

int
main(void)
{
	test_sizes();
	test_states();
	test_calls();
	test_data();
	return tap_done();
}
