/* SPDX-License-Identifier: ISC */
/* Which clients the rules against spam do not apply to. */
#include "smtpd/session/exempt.h"

#include "common/text/network.h"
#include "smtpd/session/session.h"

/* True if one of the networks has that address. */
static bool
is_among(const struct network *networks, size_t n, const uint8_t address[16])
{
	for (size_t i = 0; i < n; i++) {
		if (network_has(&networks[i], address)) {
			return true;
		}
	}
	return false;
}

bool
exempt_client(const struct session *s)
{
	const struct config *config = s->connection->config;
	uint8_t address[16];

	/* "local" is no address, and no stranger's. */
	return session_is_submission(s) ||
	       !network_address(session_peer(s), address) ||
	       is_among(config->policy_exempt, config->npolicy_exempt, address);
}

bool
exempt_trusted(const struct session *s)
{
	const struct config *config = s->connection->config;
	uint8_t address[16];

	return network_address(session_peer(s), address) &&
	       is_among(config->auth_trust, config->nauth_trust, address);
}
