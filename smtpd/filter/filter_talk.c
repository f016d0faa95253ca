/* SPDX-License-Identifier: ISC */
/* Packets over a socket. */
#include "common/io/deadline.h"
#include "smtpd/filter/filter_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

int
talk_connect(struct talk *t, const struct milter_place *place, int patience)
{
	const struct timeval limit = { .tv_sec = patience / 1000,
		.tv_usec = patience % 1000 * 1000 };

	t->fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd == -1) {
		return -1;
	}
	/* connect(2) keeps to this, too, and nothing can be waited for with
	   poll(2) if the queue of a local socket is full. */
	if (setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		-1 ||
	    connect(t->fd, (const struct sockaddr *)&place->address,
		place->len) == -1 ||
	    fcntl(t->fd, F_SETFL, O_NONBLOCK) == -1) {
		bool late = errno == EAGAIN || errno == EINPROGRESS;
		int saved = late ? ETIMEDOUT : errno;
		close(t->fd);
		t->fd = -1;
		errno = saved;
		return -1;
	}
	return 0;
}

int
talk_begin(struct talk *t, int patience)
{
	char *out = malloc(TALK_OUT);

	t->in = malloc(TALK_IN);
	t->out = (struct writer){ .out = out, .size = TALK_OUT };
	t->end = deadline_now() + patience;
	return out == NULL || t->in == NULL ? -1 : 0;
}

static int
fail(struct talk *t, const char *fault)
{
	t->fault = fault;
	return -1;
}

/* Waits until it can go on. */
static int
await(struct talk *t, short events, int64_t deadline)
{
	return deadline_wait(t->fd, events, deadline, false) == 0
	           ? 0
	           : fail(t, "it does not answer in time");
}

int
talk_send(struct talk *t)
{
	size_t done = 0;

	while (done < t->out.len) {
		ssize_t n = send(
		    t->fd, t->out.out + done, t->out.len - done, MSG_NOSIGNAL);
		if (n > 0) {
			done += (size_t)n;
		} else if (n == -1 && errno == EAGAIN) {
			if (await(t, POLLOUT, t->end) == -1) {
				return -1;
			}
		} else if (n == -1 && errno != EINTR) {
			return fail(t, "it has closed the connection");
		}
	}
	t->out.len = 0;
	return 0;
}

int
talk_room(struct talk *t, size_t len)
{
	return t->out.size - t->out.len > len ? 0 : talk_send(t);
}

/* Reads what is there; 0, or -1: it is gone. */
static int
read_more(struct talk *t)
{
	memmove(t->in, t->in + t->in_used, t->in_len - t->in_used);
	t->in_len -= t->in_used;
	t->in_used = 0;
	ssize_t n =
	    recv(t->fd, t->in + t->in_len, TALK_IN - t->in_len, MSG_DONTWAIT);
	if (n > 0) {
		t->in_len += (size_t)n;
		return 0;
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR)
	           ? 0
	           : fail(t, "it has closed the connection");
}

int
talk_receive(struct talk *t, int64_t deadline, struct packet *p)
{
	size_t used;

	deadline = deadline < t->end ? deadline : t->end;
	if (talk_send(t) == -1) {
		return -1;
	}
	for (;;) {
		switch (packet_read(
		    t->in + t->in_used, t->in_len - t->in_used, p, &used)) {
		case PACKET_OK:
			t->in_used += used;
			/* Who always has something to say is late, too. */
			return deadline_now() < deadline
			           ? 0
			           : fail(t, "it does not answer in time");
		case PACKET_BAD:
			return fail(t, "its packet is malformed");
		case PACKET_MORE:
			break;
		}
		if (await(t, POLLIN, deadline) == -1 || read_more(t) == -1) {
			return -1;
		}
	}
}

bool
talk_is_ahead(struct talk *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	return t->in_used < t->in_len ||
	       (poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0);
}
