/* SPDX-License-Identifier: ISC */
/* Which clients the rules against spam do not apply to. */
#include "smtpd/session/exempt.h"

#include "common/text/network.h"
#include "smtpd/session/session.h"

/* True if policy-exempt names that address, or if it is none ("local"). */
static bool
exempt_address(const struct config *config, const char *text)
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
exempt_client(const struct session *s)
{
	return session_is_submission(s) ||
	       exempt_address(s->connection->config, session_peer(s));
}
