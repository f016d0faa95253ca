/* SPDX-License-Identifier: ISC */
#include "common/io/socket.h"

#include <errno.h>

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
