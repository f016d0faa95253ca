/* SPDX-License-Identifier: ISC */
/* --check: which clients are believed, and spared. */
#include "spool/check/check.h"

#include "common/text/network.h"

enum { ALL_OF_V4 = 96 }; /* bits of struct network before IPv4 */

/* A list of networks that has all addresses. */
void
check_everybody(struct check *c, enum finding how, const char *key,
    const char *effect, const struct network *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool v4 = network_is_v4(list[i].address);
		if (list[i].bits == 0 || (list[i].bits == ALL_OF_V4 && v4)) {
			check_finding(c, how,
			    "%s: %s contains everybody, so %s", key,
			    v4 ? "0.0.0.0/0" : "::/0", effect);
		}
	}
}

void
check_clients(struct check *c)
{
	const struct config *config = c->config;

	check_everybody(c, FINDING_WARNING, "penalties-exempt",
	    "no errors count, and passwords can be guessed at any speed",
	    config->penalties_exempt, config->npenalties_exempt);
	check_everybody(c, FINDING_ERROR, "proxy",
	    "anybody may claim any address; name the proxy alone",
	    config->proxies, config->nproxies);
}
