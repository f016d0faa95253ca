/* SPDX-License-Identifier: ISC */
/* Typed messages between server, sessions and workers. */
#include "common/job/channel.h"

#include "common/io/socket.h"

#include <errno.h>
#include <string.h>
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
	ssize_t n = socket_receive(channel, &msg, MSG_DONTWAIT);

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
	channel_answer_data(channel, serial, status, NULL, 0);
}

void
channel_answer_data(int channel, uint32_t serial, enum status status,
    const void *data, size_t size)
{
	struct {
		struct answer answer;
		unsigned char data[CHANNEL_DATA];
	} message = { .answer = { .serial = serial, .status = status } };

	if (size > CHANNEL_DATA) { /* a bug of ours: a temporary failure */
		message.answer.status = STATUS_TEMPORARY;
		size = 0;
	}
	if (size > 0) {
		memcpy(message.data, data, size);
	}
	(void)send(channel, &message, sizeof(message.answer) + size,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int
send_request(int channel, const struct request *req, const void *payload,
    size_t size, const void *text, size_t len)
{
	struct iovec iov[3] = {
		{ .iov_base = (void *)(uintptr_t)req, .iov_len = sizeof(*req) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = size },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };

	return socket_send(channel, &msg, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

static uint32_t
next_serial(void)
{
	static uint32_t serial;

	return ++serial;
}

/* Waits for the answer to a request, and its data. */
static enum status
await(int channel, const struct request *req, void *data, size_t room)
{
	struct answer answer;
	unsigned char message[sizeof(answer) + CHANNEL_DATA];
	struct iovec iov = { .iov_base = message, .iov_len = sizeof(message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	/* Skips answers to earlier requests: for a worker that died after its
	 * answer, the server has answered once more. */
	do {
		n = socket_receive(channel, &msg, MSG_TRUNC);
		if (n < (ssize_t)sizeof(answer) ||
		    n > (ssize_t)sizeof(message)) {
			return STATUS_TEMPORARY;
		}
		memcpy(&answer, message, sizeof(answer));
	} while (answer.serial != req->serial);
	size_t extra = (size_t)n - sizeof(answer);
	if (extra != (answer.status == STATUS_OK ? room : 0)) {
		return STATUS_TEMPORARY;
	}
	if (extra > 0) {
		memcpy(data, message + sizeof(answer), extra);
	}
	return (enum status)answer.status;
}

enum status
channel_call(
    int channel, enum request_kind kind, const void *payload, size_t size)
{
	return channel_ask(channel, kind, payload, size, NULL, 0);
}

enum status
channel_ask(int channel, enum request_kind kind, const void *payload,
    size_t size, void *data, size_t room)
{
	struct request req = { .kind = kind, .serial = next_serial() };

	return send_request(channel, &req, payload, size, NULL, 0) == -1
	           ? STATUS_TEMPORARY
	           : await(channel, &req, data, room);
}

enum status
channel_ask_resident(int channel, enum request_kind kind, uint64_t key,
    const void *payload, size_t size, void *data, size_t room)
{
	struct request req = {
		.kind = kind, .serial = next_serial(), .key = key, .head = size
	};

	return send_request(channel, &req, payload, size, NULL, 0) == -1
	           ? STATUS_TEMPORARY
	           : await(channel, &req, data, room);
}

enum status
channel_hand(int channel, enum request_kind kind, uint64_t key,
    const void *payload, size_t size, const void *text, size_t len)
{
	struct request req = {
		.kind = kind, .serial = next_serial(), .key = key, .head = size
	};

	return send_request(channel, &req, payload, size, text, len) == -1
	           ? STATUS_TEMPORARY
	           : await(channel, &req, NULL, 0);
}

void
channel_make_room(int fd)
{
	const int room = REQUEST_MAX + 4096;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}
