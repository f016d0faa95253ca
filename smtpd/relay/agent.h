/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_AGENT_H
#define RESTANTE_SMTPD_RELAY_AGENT_H

#include "common/config/config.h"
#include "smtpd/route/hop.h"

/*
 * The agent (smtpd/agent/agent.h) for one next hop, over one connection at a
 * time: takes orders from the channel until that closes.  Forked from the
 * runner, still with its rights, which it gives up before it connects.
 */
_Noreturn void relay_agent(
    const struct config *, const struct hop *, int channel);

/*
 * Does for the agents of that hop, in the process that is to fork them, what
 * takes most of their time before they connect: loads what TLS needs.  Nothing
 * of it is secret.
 */
void relay_prepare(const struct config *, const struct hop *);

#endif
