/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_SOCKET_H
#define RESTANTE_COMMON_IO_SOCKET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * sendmsg(2) and recvmsg(2), again if a signal came.  Flags and errors are
 * theirs.
 */
ssize_t socket_send(int fd, const struct msghdr *, int flags)
    __attribute__((warn_unused_result));
ssize_t socket_receive(int fd, struct msghdr *, int flags)
    __attribute__((warn_unused_result));

enum { SOCKET_DESCRIPTORS = 8 };

/*
 * Sends a message with n open descriptors, SOCKET_DESCRIPTORS at most.  0, or
 * -1 with errno: nothing was sent.
 */
int socket_send_with(int fd, const void *data, size_t size, const int *fds,
    size_t n, int flags) __attribute__((warn_unused_result));

/*
 * Receives a message and the descriptors that came with it, which are closed on
 * exec and the caller's now; what is beyond *n of them is closed.  *n: how many
 * there is room for, then how many there are.  Octets, or -1 with errno.
 */
ssize_t socket_receive_with(int fd, void *data, size_t size, int *fds,
    size_t *n, int flags) __attribute__((warn_unused_result));

enum { SOCKET_HANDED_DOWN = 3 }; /* the first of sd_listen_fds(3) */

/* How many descriptors systemd has handed down to this very process; 0: none,
   or more than most. */
int socket_handed_down(int most);

#endif
