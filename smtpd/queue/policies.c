/* SPDX-License-Identifier: ISC */
/* What agents find out about policies of domains (MTA-STS) is kept. */
#include "smtpd/queue/scheduler_private.h"

#include "common/log/log.h"
#include "smtpd/agent/sts_file.h"

#include <errno.h>
#include <string.h>

bool
policies_take(
    const struct runner *r, const struct agent *a, const struct agent_news *n)
{
	struct hop hop;

	if (a->batch == NULL || !batch_hop(r, a->batch, &hop) || !hop.mx) {
		return false;
	}
	if (sts_file_keep(r->config, hop.host, n) == -1) {
		/* Agents ask again each time. */
		log_warn("cannot keep the MTA-STS policy of %s in %s/sts: %s",
		    hop.host, r->config->state, strerror(errno));
	}
	return true;
}
