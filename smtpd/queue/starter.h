/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_STARTER_H
#define RESTANTE_SMTPD_QUEUE_STARTER_H

#include "common/config/config.h"

#include <sys/types.h>

/*
 * The process that starts a runner's agents, with the rights that the runner
 * had before it confined itself to the queue: deliveries become users, and run
 * their commands.  It reads nothing but what the runner sends, and never a
 * message.
 */

struct hop;

struct starter {
	pid_t pid;   /* 0: there is none */
	int channel; /* to it */
};

enum starter_kind { START_RELAY, START_LOCAL, START_SIGNER };

/* Runs an agent, or the signer, in a process of its own; hop: only for a
   relay agent. */
typedef void starter_agent(const struct config *, enum starter_kind,
    const struct hop *, int channel, int slot);

/* Does in that process what relay agents of a hop would each do. */
typedef void starter_prepare(const struct config *, const struct hop *);

/* Begins it.  0, or -1 with errno. */
int starter_begin(struct starter *, const struct config *, starter_agent *,
    starter_prepare *) __attribute__((warn_unused_result));

/*
 * Starts an agent with these descriptors (slot may be -1), which stay the
 * caller's.  Its process id: it is the caller's child; or -1 with errno.
 */
pid_t starter_start(const struct starter *, enum starter_kind,
    const struct hop *, int channel, int slot)
    __attribute__((warn_unused_result));

/* Ends it; agents go on. */
void starter_end(struct starter *);

#endif
