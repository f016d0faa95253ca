/* SPDX-License-Identifier: ISC */
/* Whom greet-delay, pipelining-check, dnsbl and greylist are about. */
#include "smtpd/session/stranger.h"

#include "common/text/network.h"
#include "smtpd/session/session.h"

bool
stranger_exempt(const struct config *config, const char *text)
{
	uint8_t address[16];

	if (!network_address(text, address)) {
		return true; /* "local" */
	}
	for (size_t i = 0; i < config->npolicy_exempt; i++) {
		if (network_has(&config->policy_exempt[i], address)) {
			return true;
		}
	}
	return false;
}

bool
stranger_is(const struct session *s)
{
	return !session_is_submission(s) &&
	       !stranger_exempt(s->connection->config, session_peer(s));
}
