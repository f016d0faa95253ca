/* SPDX-License-Identifier: ISC */
#include "common/io/socket.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROOM = SOCKET_DESCRIPTORS * sizeof(int) };

/* Aligned as the kernel wants it. */
union control {
	char bytes[CMSG_SPACE(ROOM)];
	struct cmsghdr align;
};

ssize_t
socket_send(int fd, const struct msghdr *message, int flags)
{
	ssize_t n;

	do {
		n = sendmsg(fd, message, flags);
	} while (n == -1 && errno == EINTR);
	return n;
}

ssize_t
socket_receive(int fd, struct msghdr *message, int flags)
{
	ssize_t n;

	do {
		n = recvmsg(fd, message, flags);
	} while (n == -1 && errno == EINTR);
	return n;
}

int
socket_send_with(
    int fd, const void *data, size_t size, const int *fds, size_t n, int flags)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
		.iov_len = size };
	union control control = { .bytes = { 0 } };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > SOCKET_DESCRIPTORS) {
		errno = EINVAL;
		return -1;
	}
	if (n > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return socket_send(fd, &m, flags) == -1 ? -1 : 0;
}

ssize_t
socket_receive_with(
    int fd, void *data, size_t size, int *fds, size_t *n, int flags)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	union control control;
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	size_t room = *n;
	ssize_t octets = socket_receive(fd, &m, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = octets == -1 ? NULL : CMSG_FIRSTHDR(&m);

	*n = 0;
	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS) {
		return octets;
	}
	size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < came; i++) {
		int one;
		memcpy(&one, CMSG_DATA(c) + i * sizeof(one), sizeof(one));
		if (i < room) {
			fds[(*n)++] = one;
		} else {
			close(one);
		}
	}
	return octets;
}

int
socket_handed_down(int most)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *why = NULL;

	if (pid == NULL || fds == NULL ||
	    strtonum(pid, 1, 1 << 30, &why) != getpid() || why != NULL) {
		return 0;
	}
	int n = (int)strtonum(fds, 0, most, &why);
	return why == NULL ? n : 0;
}
