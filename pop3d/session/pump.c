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

	do {
		got = stream_poll(client);
		if (got != LINE_OK) {
			return got == LINE_TIMEOUT;
		}
		size_t n = stream_buffered(client, &data);
		ssize_t sent =
		    send(mailbox, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == -1) {
			return errno == EAGAIN || errno == EINTR;
		}
		stream_consume(client, (size_t)sent);
	} while (!stream_drained(client));
	return true;
}

/* Hands on what the mailbox process says.  false: it has ended. */
static bool
downward(struct stream *client, int mailbox)
{
	static char buffer[BUFFER];
	ssize_t n;

	do {
		n = recv(mailbox, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			return false;
		}
		if (n > 0) {
			stream_write(client, buffer, (size_t)n);
		}
	} while (n == BUFFER); /* a shorter piece was all that was there */
	return stream_flush(client) == 0;
}

void
pump_run(struct stream *client, int mailbox)
{
	struct pollfd fds[2] = { { .fd = stream_fd(client) },
		{ .fd = mailbox } };
	const char *data;
	bool open = true, up = true, down = true;

	for (;;) {
		if (open && up && !upward(client, mailbox)) {
			open = false;
			shutdown(mailbox, SHUT_WR);
		}
		if (down && !downward(client, mailbox)) {
			break;
		}
		bool held = stream_buffered(client, &data) > 0;
		fds[0].events = POLLIN;
		fds[0].fd = open && !held ? stream_fd(client) : -1;
		fds[1].events = (short)(POLLIN | (held ? POLLOUT : 0));
		if (poll(fds, 2, -1) == -1) {
			if (errno != EINTR) {
				break;
			}
			continue;
		}
		up = held || fds[0].revents != 0;
		down = (fds[1].revents & ~POLLOUT) != 0;
	}
	close(mailbox);
}
