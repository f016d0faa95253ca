/* SPDX-License-Identifier: ISC */
/* Typed messages between server, sessions and workers. */
#include "common/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

ssize_t
channel_receive(int channel, struct request *req, void *payload, size_t size)
{
	struct iovec iov[2] = {
		{ .iov_base = req, .iov_len = sizeof(*req) },
		{ .iov_base = payload, .iov_len = size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do {
		n = recvmsg(channel, &msg, MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n <= 0) {
		errno = n == 0 ? EPIPE : errno;
		return -1;
	}
	if (n < (ssize_t)sizeof(*req) || (msg.msg_flags & MSG_TRUNC) != 0) {
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

static int
send_request(
    int channel, const struct request *req, const void *payload, size_t size)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)req, .iov_len = sizeof(*req) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do {
		n = sendmsg(channel, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

enum status
channel_call(
    int channel, enum request_kind kind, const void *payload, size_t size)
{
	static uint32_t serial;
	struct request req = { .kind = kind, .serial = ++serial };
	struct answer answer;
	ssize_t n;

	if (send_request(channel, &req, payload, size) == -1) {
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
