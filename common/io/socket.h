/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_SOCKET_H
#define RESTANTE_COMMON_IO_SOCKET_H

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

#endif
