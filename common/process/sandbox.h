/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_PROCESS_SANDBOX_H
#define RESTANTE_COMMON_PROCESS_SANDBOX_H

/*
 * Shuts the calling process in for good: it keeps the descriptors it has, can
 * get no new one, and may make only the system calls that reading, writing,
 * waiting and memory need.  What it may not do fails with EPERM.  0, or -1 with
 * errno.
 */
int sandbox_session(void) __attribute__((warn_unused_result));

/*
 * Confines a process that connects to others: it may make and use sockets
 * for the Internet, and read at offsets from files that it is given, but open
 * none.
 */
int sandbox_client(void) __attribute__((warn_unused_result));

/*
 * Confines a process that has become the owner of a mailbox: it may use
 * files as the locks, the mailbox and what belongs to it need, and ask whether
 * processes are there; it makes no sockets, signals nobody, runs no program and
 * changes nobody's rights.
 */
int sandbox_mailbox(void) __attribute__((warn_unused_result));

/* Limits a session's memory to what it has inherited and 16 MiB more.  Called
 * before it loses its rights. */
int sandbox_memory(void);

#endif
