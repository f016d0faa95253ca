/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_CHILD_H
#define RESTANTE_COMMON_SERVER_CHILD_H

#include "common/server/slot.h"

#include <stddef.h>
#include <sys/types.h>

/* The server's children. */

/*
 * Forks the session of a connection: confined, sandboxed, with the client's
 * descriptors and the channel as all it has.  keeper: whose certificates it
 * shows if it begins with TLS, or NULL.  Its process id, or -1.
 */
pid_t child_session(
    const struct server *, const struct keeper *, struct connection *);

/* Runs such a process, whether it was forked here or by a starter. */
_Noreturn void child_run_session(const struct service *, struct connection *);

/* Do the same in steps, for one that is forked before there is a client. */
void child_catch_signals(void);

/*
 * Keeps the file of a message within bounds whatever the session does.  Not if
 * the log is a file that is as long already: it would end with it.
 */
int child_limit_body(const struct config *) __attribute__((warn_unused_result));

/* Enters the last sandbox, and serves the client. */
_Noreturn void child_enter_session(
    const struct service *, struct connection *, int (*sandbox)(void));

/*
 * Forks a worker for a task, in a process group of its own: it has the
 * descriptors of the task and the channel, answers with the given serial if the
 * rule says so, and exits with the status.  Its process id, or -1.
 */
pid_t child_worker(const struct server *, const struct slot *,
    enum request_kind, const struct task *);

/*
 * Forks the service's errand: with no descriptor of any connection, and in a
 * process group of its own, so that it may outlive a server for one connection.
 */
pid_t child_errand(const struct server *);

/* Forks a process that makes the images of long files.  Its id, or -1. */
pid_t child_maker(const struct server *);

/*
 * Forks a keeper of private keys, which talks over the channel: see
 * common/keeper/keeper.h.  Its process id, or -1.
 */
pid_t child_keeper(const struct server *, bool check, int channel);

#endif
