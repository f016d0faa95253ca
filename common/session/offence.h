/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_OFFENCE_H
#define RESTANTE_COMMON_SESSION_OFFENCE_H

#include "common/job/job.h"

/*
 * The offences that count against a client's address, as a session reports
 * them.  The server decides what follows: common/server/guard.h.
 */

/* Reports one, if those of this client are counted. */
void offence_report(const struct connection *, enum offence);

/* Waits as long as errors of this client are to take; less if it hangs up. */
void offence_delay(const struct connection *);

#endif
