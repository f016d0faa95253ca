/* SPDX-License-Identifier: ISC */
/* smtpd --check: what strangers on port 25 have to put up with. */
#include "smtpd/check.h"

enum {
	LONG_DELAY = 30, /* seconds */
	LONG_WAIT = 4 * 60 * 60,
};

void
check_policy(struct check *c)
{
	const struct config *config = c->config;

	if (config->greet_delay > LONG_DELAY) {
		check_finding(c, FINDING_WARNING,
		    "greet-delay %u: many servers do not wait that long for a "
		    "greeting, and give up; 6 does",
		    config->greet_delay);
	}
	if (config->greylist > LONG_WAIT) {
		check_finding(c, FINDING_WARNING,
		    "greylist %u: that is longer than some servers try; 300 "
		    "does",
		    config->greylist);
	}
	for (size_t i = 0; i < config->ndnsbl; i++) {
		check_finding(c, FINDING_OK,
		    "strangers whose address is in %s are refused",
		    config->dnsbl[i].zone);
	}
	for (size_t i = 0; i < config->npolicy_exempt; i++) {
		if (config->policy_exempt[i].bits == 0) {
			check_finding(c, FINDING_WARNING,
			    "policy-exempt: everybody is in /0, so nothing is "
			    "asked of strangers");
		}
	}
}
