/* SPDX-License-Identifier: ISC */
/* Typed messages with descriptors between server, sessions and workers. */
#include "common/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int
channel_send(int channel, const struct request *req, const void *payload,
    size_t size, int fd)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)req, .iov_len = sizeof(*req) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union control control = { .bytes = { 0 } };
	ssize_t n;

	if (fd != -1) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(channel, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

ssize_t
channel_receive(
    int channel, struct request *req, void *payload, size_t size, int *fd)
{
	struct iovec iov[2] = {
		{ .iov_base = req, .iov_len = sizeof(*req) },
		{ .iov_base = payload, .iov_len = size },
	};
	union control control;
	struct msghdr msg = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n <= 0) {
		errno = n == 0 ? EPIPE : errno;
		return -1;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	}
	if (n < (ssize_t)sizeof(*req) ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		if (*fd != -1) {
			close(*fd);
			*fd = -1;
		}
		errno = EBADMSG;
		return -1;
	}
	return n - (ssize_t)sizeof(*req);
}

void
channel_answer(int channel, uint32_t serial, enum status status)
{
	struct answer answer = { .serial = serial, .status = status };

	(void)send(
	    channel, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum status
channel_call(int channel, enum request_kind kind, const void *payload,
    size_t size, int fd)
{
	static uint32_t serial;
	struct request req = { .kind = kind, .serial = ++serial };
	struct answer answer;
	ssize_t n;

	if (channel_send(channel, &req, payload, size, fd) == -1) {
		return STATUS_TEMPORARY;
	}
	/* Answers to earlier requests may still be under way: a worker that
	   died after it had answered is answered for once more. */
	do {
		n = recv(channel, &answer, sizeof(answer), 0);
		if (n == -1 && errno == EINTR) {
			answer.serial = 0;
			continue;
		}
		if (n != (ssize_t)sizeof(answer)) {
			return STATUS_TEMPORARY;
		}
	} while (answer.serial != req.serial);
	return (enum status)answer.status;
}
