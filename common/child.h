/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CHILD_H
#define RESTANTE_COMMON_CHILD_H

#include "common/server.h"

#include <sys/types.h>

/* The server's children. */

/*
 * Forks the session of a connection: confined, sandboxed, with the client's
 * descriptors and the channel as all it has.  Its process id, or -1.
 */
pid_t child_session(const struct service *, struct connection *);

/*
 * Forks a worker for a task: it has the task's descriptor and the channel,
 * answers with the given serial (unless the server will: answer false), and
 * exits with the status.  Its process id, or -1.
 */
pid_t child_worker(const struct job *, const struct task *, int channel,
    uint32_t serial, bool answer);

#endif
