/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_CHILD_H
#define RESTANTE_COMMON_SERVER_CHILD_H

#include "common/server/server.h"

#include <stddef.h>
#include <sys/types.h>

/* The server's children, and what children of others do first, too. */

/*
 * Closes all descriptors but 0 to 2 and those listed, which get sorted (-1 is
 * nothing).
 */
void child_close_others(int *keep, size_t n);

/* No signal is caught or blocked, but SIGINT ignored: parents pass on. */
void child_default_signals(void);

/* For a program that is going to be run: none is caught, ignored or blocked. */
void child_plain_signals(void);

/*
 * Forks the session of a connection: confined, sandboxed, with the client's
 * descriptors and the channel as all it has.  Its process id, or -1.
 */
pid_t child_session(const struct service *, struct connection *);

/*
 * Forks a worker for a task, in a session of its own: it has the task's
 * descriptor and the channel, answers with the given serial (unless the server
 * will: answer false), and exits with the status.  Its process id, or -1.
 */
pid_t child_worker(const struct job *, const struct task *, int channel,
    uint32_t serial, bool answer);

/*
 * Forks the service's errand: with no descriptor of any connection, and in a
 * session of its own, so that it may outlive a server for one connection.
 */
pid_t child_errand(const struct service *, const struct config *);

#endif
