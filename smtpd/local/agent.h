/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_AGENT_H
#define RESTANTE_SMTPD_LOCAL_AGENT_H

#include "common/config/config.h"

/*
 * The agent (smtpd/agent/agent.h) for mailboxes, files and commands of this
 * machine: takes orders from the channel until that closes.  Forked from the
 * runner, still with its rights.
 */
_Noreturn void local_agent(const struct config *, int channel);

#endif
