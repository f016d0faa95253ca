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

/* True if clients from there are on this machine, or trusted. */
static bool
is_near(const struct config *config, const struct hidden *h)
{
	static const char *const loopback[] = { "127.0.0.0/8", "::1" };
	struct network n;
	bool near = false;

	for (size_t i = 0; i < 2 && network_parse(loopback[i], &n); i++) {
		near = near || (h->network.bits >= n.bits &&
				   network_has(&n, h->network.address));
	}
	for (size_t i = 0; i < config->ntrusts; i++) {
		n = config->trusts[i].network;
		near = near || (h->network.bits >= n.bits &&
				   network_has(&n, h->network.address));
	}
	return near && !h->everybody;
}

/* Without the offer of TLS, passwords and mail go in the clear. */
static void
check_hidden(struct check *c)
{
	static const char *const secure[] = { "STARTTLS", "STLS" };

	for (size_t i = 0; i < c->config->nhidden; i++) {
		const struct hidden *h = &c->config->hidden[i];
		for (size_t k = 0; k < 2; k++) {
			if ((h->extensions & config_extension(secure[k])) !=
				0 &&
			    !is_near(c->config, h)) {
				check_finding(c, FINDING_ERROR,
				    "ehlo-hide %s: clients elsewhere get no "
				    "TLS either, so that mail and passwords "
				    "can be read on the way; name 127.0.0.0/8 "
				    "::1, or networks of trust",
				    secure[k]);
			}
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
	check_hidden(c);
	check_everybody(c, FINDING_ERROR, "proxy",
	    "anybody may claim any address; name the proxy alone",
	    config->proxies, config->nproxies);
}
