/* SPDX-License-Identifier: ISC */
/* What is not in the configuration file. */
#include "common/config/config_values.h"

#include "common/text/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
config_defaults(struct config *c)
{
	strlcpy(c->mailbox, "/var/mail/%u", sizeof(c->mailbox));
	strlcpy(c->queue, "/var/spool/restante", sizeof(c->queue));
	strlcpy(c->state, "/var/lib/restante", sizeof(c->state));
	strlcpy(c->log_name, "postfix", sizeof(c->log_name));
	strlcpy(c->socket, "/run/restante/submission", sizeof(c->socket));
	strlcpy(c->aliases, SYSCONFDIR "/aliases", sizeof(c->aliases));
	strlcpy(c->alias_owner, "nobody", sizeof(c->alias_owner));
	strlcpy(c->oauth_owner, "nobody", sizeof(c->oauth_owner));
	strlcpy(c->mailbox_owner, "mail", sizeof(c->mailbox_owner));
	strlcpy(c->subaddress, "+", sizeof(c->subaddress));
	c->profile_mx = PROFILE_MX;
	c->profile_submission = PROFILE_SUBMISSION;
	c->relay_concurrency = 5;
	c->queue_concurrency = 50;
	c->size_limit = 50 << 20;
	c->plaintext_login = PLAINTEXT_LOOPBACK;
	c->channel_binding = true;
	c->penalties = PENALTIES_ON;
	c->sessions = 1000;
	c->idle_exit = 60;
}

/* This machine and the networks that are private (RFC 1918, RFC 4193). */
static void
exempt_neighbours(struct config *c)
{
	static const char *const own[] = { "127.0.0.0/8", "::1", "10.0.0.0/8",
		"172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"fe80::/10", "fc00::/7" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (network_parse(own[i], &c->policy_exempt[i])) {
			c->npolicy_exempt++;
		}
	}
}

static void
find_hostname(struct config *c)
{
	FILE *f = fopen("/etc/mailname", "re");

	if (f != NULL) {
		if (fgets(c->hostname, sizeof(c->hostname), f) == NULL) {
			c->hostname[0] = '\0';
		}
		fclose(f);
		config_strip(c->hostname);
	}
	if (!address_is_domain(c->hostname) &&
	    (gethostname(c->hostname, sizeof(c->hostname) - 1) == -1 ||
		!address_is_domain(c->hostname))) {
		strlcpy(c->hostname, "localhost", sizeof(c->hostname));
	}
}

void
config_finish(struct config *c)
{
	if (c->hostname[0] == '\0') {
		find_hostname(c);
	}
	if (c->ndomains == 0) {
		strlcpy(c->domains[c->ndomains++], c->hostname, CONFIG_NAME);
	}
	c->system_users = strcmp(c->users, "system") == 0;
	if (c->users[0] == '\0') {
		strlcpy(c->users, SYSCONFDIR "/restante/users", PATH_MAX);
		c->system_users =
		    access(c->users, F_OK) == -1 && errno == ENOENT;
	}
	if (c->npolicy_exempt == 0) {
		exempt_neighbours(c);
	}
	if (c->ntls == 0 && access(SYSCONFDIR "/restante/tls.pem", F_OK) == 0) {
		strlcpy(c->tls[c->ntls++], SYSCONFDIR "/restante/tls.pem",
		    PATH_MAX);
	}
}
