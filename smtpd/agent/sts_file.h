/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AGENT_STS_FILE_H
#define RESTANTE_SMTPD_AGENT_STS_FILE_H

#include "common/auth/sts.h"
#include "common/config/config.h"
#include "smtpd/agent/agent.h"

/* STATE/sts/DOMAIN: what is known of the MTA-STS policy of a domain.  Agents
   read it, before they are confined; the runner writes it. */

struct sts_memory {
	struct sts_known known; /* points into text */
	char text[STS_FILE];
};

/* False for a domain that has no such file: its name could be a path. */
bool sts_file_is_for(const char *domain);

/* Nothing is known of a domain whose file is missing, or damaged. */
void sts_file_read(
    const struct config *, const char *domain, struct sts_memory *);

/*
 * Keeps what an agent has found out; what is wrong with it is EINVAL.  0, or -1
 * with errno: the file is as before.
 */
int sts_file_keep(const struct config *, const char *domain,
    const struct agent_news *) __attribute__((warn_unused_result));

#endif
