/* SPDX-License-Identifier: ISC */
/*
 * Between a client under TLS and its mailbox process, so that the keys of one
 * and the files of the other never meet.  Never waits for the mailbox process
 * to take something while that one may wait for us.
 */
#include "pop3d/session/session.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024 };

/* Hands on what the client sent.  false: the client is gone. */
static bool
upward(struct stream *client, int mailbox)
{
	const char *data;
	enum line got;

	while ((got = stream_poll(client)) == LINE_OK) {
		size_t n = stream_buffered(client, &data);
		ssize_t sent =
		    send(mailbox, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == -1) {
			return errno == EAGAIN || errno == EINTR;
		}
		stream_consume(client, (size_t)sent);
	}
	return got == LINE_TIMEOUT;
}

/* Hands on what the mailbox process says.  false: it has ended. */
static bool
downward(struct stream *client, int mailbox)
{
	static char buffer[BUFFER];
	ssize_t n;

	while ((n = recv(mailbox, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		stream_write(client, buffer, (size_t)n);
	}
	return stream_flush(client) == 0 && n == -1 &&
	       (errno == EAGAIN || errno == EINTR);
}

void
pump_run(struct stream *client, int mailbox)
{
	struct pollfd fds[2] = { { .fd = stream_fd(client) },
		{ .fd = mailbox } };
	const char *data;
	bool open = true;

	for (;;) {
		if (open && !upward(client, mailbox)) {
			open = false;
			shutdown(mailbox, SHUT_WR);
		}
		if (!downward(client, mailbox)) {
			break;
		}
		bool held = stream_buffered(client, &data) > 0;
		fds[0].events = open && !held ? POLLIN : 0;
		fds[0].fd = open ? stream_fd(client) : -1;
		fds[1].events = (short)(POLLIN | (held ? POLLOUT : 0));
		if (poll(fds, 2, -1) == -1 && errno != EINTR) {
			break;
		}
	}
	close(mailbox);
}
