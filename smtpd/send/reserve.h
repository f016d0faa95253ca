/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_RESERVE_H
#define RESTANTE_SMTPD_SEND_RESERVE_H

#include "common/server/server.h"

/*
 * A server of our own, for when nobody listens at the submission socket.  The
 * sendmail command is confined before it looks at a message, and so would be
 * all that it starts: so what may be needed is started before, and waits.
 */
struct reserve {
	const struct service *service;
	const struct config *config;
	bool confined;
	pid_t pid;   /* 0: nobody waits */
	int channel; /* to it, or -1 */
	int error;   /* why nobody waits */
};

/*
 * Confines the calling process, for good, where the kernel has Landlock: it can
 * write to no file that it has not open, and run no program.
 */
void reserve_begin(
    struct reserve *, const struct service *, const struct config *);

/*
 * A connection to a session of such a server.  why: that of connect(2), for who
 * reads the log.  -1, after an error.
 */
int reserve_call(struct reserve *, int why) __attribute__((warn_unused_result));

/* Who still waits is not needed. */
void reserve_end(struct reserve *);

#endif
