/* SPDX-License-Identifier: ISC */
/*
 * All that a connection to a next hop needs of rights and files: the password,
 * the trusted certificates, the resolver, an AF_UNIX connection.
 */
#include "smtpd/relay/agent.h"
#include "smtpd/relay/client_private.h"

#include "common/io/statefile.h"
#include "common/keeper/dkim_keys.h"
#include "common/log/log.h"
#include "common/text/idna.h"
#include "common/tls/tls_idna.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool
prepare_network(struct client *c)
{
	char why[CONFIG_ERROR];

	if (c->hop->unix_socket) {
		if (connect_unix(c->hop->host, &c->unix_peer, why) == -1) {
			client_set_verdict(c, OUTCOME_DEAD, "4.4.1", "%s", why);
			return false;
		}
		return true;
	}
	if ((c->dns = dns_open(c->config)) == NULL) {
		client_set_verdict(c, OUTCOME_DEAD, "4.3.5",
		    "no name server: %s", strerror(errno));
		return false;
	}
	if (connect_asks_hosts(c->config, c->hop) &&
	    connect_hosts_file("/etc/hosts", c->hop->host, &c->literals) ==
		-1) {
		client_set_verdict(c, OUTCOME_DEAD, "4.3.5",
		    "cannot read /etc/hosts: %s", strerror(errno));
		return false;
	}
	return true;
}

static bool
uses_tls(const struct hop *h)
{
	return !h->unix_socket && h->tls != HOP_TLS_NEVER;
}

/* True if the server itself must prove who it is, by an authority. */
static bool
must_verify(const struct hop *h)
{
	return h->tls == HOP_TLS_VERIFY && !h->mx;
}

void
relay_prepare(const struct config *config, const struct hop *hop)
{
	if (uses_tls(hop)) {
		tls_client_prepare(
		    config, must_verify(hop) || sts_is_for(config, hop));
	}
}

/* Loads what TLS needs; whom we trust takes time, and may be nobody. */
static bool
prepare_tls(struct client *c)
{
	bool verify = must_verify(c->hop);
	bool sts = sts_is_for(c->config, c->hop);
	char why[CONFIG_ERROR];

	c->tls = tls_client_open(c->config, verify || sts, why);
	if (c->tls == NULL && sts) {
		if (statefile_due(c->config, "sts-trust")) {
			log_warn("MTA-STS policies are not asked for: %s", why);
		}
		sts = false;
		c->tls = tls_client_open(c->config, false, why);
	}
	if (c->tls == NULL) {
		client_set_verdict(c, OUTCOME_DEAD, "4.7.5", "%s", why);
		return false;
	}
	if (sts) {
		sts_open(c);
	}
	return true;
}

bool
client_prepare(struct client *c)
{
	char why[CONFIG_ERROR];

	strlcpy(c->peer.peer, c->hop->host, sizeof(c->peer.peer));
	if (c->hop->user[0] != '\0') {
		if (secret_find(c->config, c->hop, &c->secret, why) == -1) {
			client_set_verdict(c, OUTCOME_DEAD, "4.7.8", "%s", why);
			return false;
		}
	}
	c->signs =
	    c->hop->transport == TRANSPORT_SMTP &&
	    (c->config->dkim_sign != DKIM_SIGN_OFF || c->config->arc_seal) &&
	    dkim_keys_exist(c->config) != 0;
	if (uses_tls(c->hop) && !prepare_tls(c)) {
		return false;
	}
	/* Nothing can be loaded in the sandbox. */
	idna_use(tls_loaded() ? tls_idna_label : NULL, NULL);
	return prepare_network(c);
}
