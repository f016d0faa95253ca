/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_RUNNER_H
#define RESTANTE_SMTPD_QUEUE_RUNNER_H

#include "common/config/config.h"

#include <stdbool.h>

/* The queue runner: smtpd -q, and a job of the server after a 250. */

struct queue_run {
	bool deferred;     /* also what waits in deferred/ and is due */
	bool force;        /* -qf: due or not */
	const char *id;    /* -qI: this message alone, or NULL */
	const char *match; /* -qR: those with this in a recipient, or NULL */
};

/*
 * Runs until nothing is left to be tried now.  With neither force nor id nor
 * match only one runner takes care of new mail; another ends at once, since
 * the first sees what arrives.  An exit status of sysexits.h.
 */
int runner_run(const struct config *, const struct queue_run *);

/* ---- as a job of the server (common/server/server.h) ---- */

/*
 * True if nobody has looked after deferred mail for some time: so any
 * connection serves as a clock on a machine that has no other.  With start, of
 * a server, also if mail was left behind that was to be sent at once.
 */
bool runner_is_due(const struct config *, bool start);

/* Runs the queue once. */
void runner_run_due(const struct config *);

/*
 * Asks for a run by the process that reads from QUEUE/wake, as systemd does for
 * restante-queue.service.  Never blocks.  false: nobody does.
 */
bool runner_wake(const struct config *);

/* True if there is somebody whom runner_wake() would ask. */
bool runner_has_unit(const struct config *);

/*
 * The first step of such a run: takes away the requests for it, so that a later
 * request starts one more.
 */
void runner_woken(void);

#endif
