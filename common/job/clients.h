/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_CLIENTS_H
#define RESTANTE_COMMON_JOB_CLIENTS_H

#include "common/config/config.h"
#include "common/job/peer.h"

#include <stdbool.h>

/*
 * What the configuration gives a client by its address alone.  Server, session
 * and worker each ask for themselves, so that no one has to believe another.
 * Pure.
 */

/* The line of "trust" that has the client, or NULL. */
const struct trusted *client_trusted(
    const struct config *, const struct peer *);

/* The account for which a trusted client's mail counts; NULL: it is none. */
const char *client_account(const struct config *, const struct peer *);

/* True if the client gets that line of EHLO or CAPA: see "ehlo-hide". */
bool client_is_offered(
    const struct config *, const struct peer *, const char *line);

#endif
