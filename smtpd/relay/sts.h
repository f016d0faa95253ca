/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_STS_H
#define RESTANTE_SMTPD_RELAY_STS_H

#include "smtpd/agent/sts_file.h"

#include <stdbool.h>

/* MTA-STS (RFC 8461): what the domain of a hop has published. */

struct sts {
	bool wanted; /* hop and configuration are so, and we trust somebody */
	bool counts; /* policy is there, and has not expired */
	struct sts_policy policy;
	struct sts_memory memory;
	struct agent_news news;
};

struct client;
struct config;
struct hop;

/* True if the hop is one whose policy is asked for. */
bool sts_is_for(const struct config *, const struct hop *);

/* Reads what is known; before the sandbox. */
void sts_open(struct client *);

/*
 * Looks whether there is a policy, or another one, gets it, and tells the
 * runner: by the DNS, and by HTTPS within 30 s, seldom.  What was known still
 * counts where that fails (section 3.3).
 */
void sts_refresh(struct client *);

#endif
