/* SPDX-License-Identifier: ISC */
/* smtpd --check: the rules for clients of port 25 that have not logged in. */
#include "smtpd/admin/check_private.h"

#include "common/io/deadline.h"
#include "common/login/access_load.h"
#include "smtpd/admin/admin.h"
#include "smtpd/worker/dnsbl.h"
#include "spool/mail.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	LONG_DELAY = 30, /* seconds */
	PATIENCE = 5000, /* ms */
	LONG_WAIT = 4 * 60 * 60,
	USUAL = 100, /* recipients that all take, RFC 5321 4.5.3.1.8 */
};

/* Warns if an account may send less than one message can need. */
static void
check_accounts(struct check *c)
{
	const struct limits *m = &c->config->account_messages;
	const struct limits *r = &c->config->account_recipients;
	uint64_t least, most;

	limits_range(m, &least, &most);
	if (most != 0) {
		check_finding(c, FINDING_OK,
		    "accounts send at most %llu messages an hour",
		    (unsigned long long)most);
	}
	limits_range(r, &least, &most);
	if (c->config->recipients < USUAL) {
		check_finding(c, FINDING_WARNING,
		    "recipients %u: other servers send to %u at a time, and "
		    "some give up; see RFC 5321 section 4.5.3.1.8",
		    c->config->recipients, USUAL);
	}
	if (least != 0 && least < USUAL && least < c->config->recipients_user) {
		check_finding(c, FINDING_WARNING,
		    "account-recipients %llu: a message may have %u "
		    "recipients, and would never be sent",
		    (unsigned long long)least, c->config->recipients_user);
	}
}

/* Each list contains 127.0.0.2 but not 127.0.0.1 (RFC 5782 section 5). */
static void
check_list(struct check *c, const struct blocklist *configured)
{
	static const char *const tests[] = { "127.0.0.2", "127.0.0.1" };
	struct blocklist list = *configured;
	static struct dns_lookup q[2];
	struct dns *dns = dns_open(c->config);
	uint8_t address[16];

	if (dns == NULL) {
		return; /* check_routes() reports it */
	}
	for (size_t i = 0; i < 2; i++) {
		(void)network_address(tests[i], address);
		blocklist_name(&list, address, q[i].name);
		q[i].type = ns_t_a;
	}
	dns_look_up(dns, q, 2, deadline_now() + PATIENCE);
	dns_close(dns);
	list.ncodes = 0; /* any code will do for the test address */
	if (dnsbl_read(&list, &q[1]) == BLOCKLIST_LISTED) {
		check_finding(c, FINDING_ERROR,
		    "dnsbl %s lists everybody: it was shut down; remove it",
		    list.zone);
	} else if (dnsbl_read(&list, &q[0]) != BLOCKLIST_LISTED) {
		check_finding(c, FINDING_WARNING,
		    "dnsbl %s does not answer, or not us: many lists answer "
		    "only a resolver of your own; see the key resolver",
		    list.zone);
	} else {
		check_finding(c, FINDING_OK,
		    "strangers whose address is in %s are refused", list.zone);
	}
}

/* Says what is done about strangers' mail, and what auth-trust cannot do. */
static void
check_auth(struct check *c)
{
	const struct config *config = c->config;

	if (!config->auth) {
		check_finding(c, FINDING_WARNING,
		    "auth off: anybody's mail may claim to be from anybody");
		return;
	}
	check_finding(c, FINDING_OK,
	    "strangers' mail is verified as %s; what DMARC does not vouch for "
	    "is %s",
	    config->auth_id,
	    config->dmarc == DMARC_ENFORCE ? "refused, or marked"
	    : config->dmarc == DMARC_MARK  ? "marked"
					   : "taken like all other");

	for (size_t i = 0; i < config->nauth_trust; i++) {
		const struct network *n = &config->auth_trust[i];
		bool exempt = false;
		for (size_t k = 0; k < config->npolicy_exempt; k++) {
			exempt =
			    exempt ||
			    network_has(&config->policy_exempt[k], n->address);
		}
		if (!exempt) {
			check_finding(c, FINDING_WARNING,
			    "auth-trust: network %zu is not in policy-exempt, "
			    "so its clients are strangers and their results "
			    "are removed; add it there",
			    i + 1);
		}
	}
}

/* Asks for what each name server knows. */
static void
try_resolver(struct check *c, struct dns *dns)
{
	static struct dns_lookup root = { .type = ns_t_soa };

	dns_look_up(dns, &root, 1, deadline_now() + PATIENCE);
	if (root.len > 0) {
		check_finding(c, FINDING_OK,
		    "name servers are asked by restante-resolver.service");
	} else {
		check_finding(c, FINDING_WARNING,
		    "no answer of a name server comes by "
		    "restante-resolver.service: strangers' mail is not "
		    "verified, and no dnsbl counts; type: journalctl -u "
		    "restante-resolver.service");
	}
}

/* Who asks name servers for restante-smtp.service, which has no network. */
static void
check_resolver(struct check *c)
{
	const struct config *config = c->config;

	if (geteuid() != 0 || (!config->auth && config->ndnsbl == 0)) {
		return; /* only root can connect to it */
	}
	struct dns *dns = dns_open_worker(config);
	if (dns == NULL && errno != EINVAL) {
		check_finding(c, FINDING_WARNING,
		    "the resolver at %s cannot be reached: %s; type: systemctl "
		    "status restante-resolver.socket",
		    config->resolver_socket, strerror(errno));
	} else if (dns != NULL && !dns_needs_sockets(dns)) {
		try_resolver(c, dns);
	} else if (access(ADMIN_SOCKETS "restante-smtp.socket", F_OK) == 0) {
		check_finding(c, FINDING_WARNING,
		    "restante-smtp.service has no network, and nobody asks "
		    "name servers for it at %s: strangers' mail is not "
		    "verified, and no dnsbl counts; type: systemctl enable "
		    "--now restante-resolver.socket",
		    config->resolver_socket);
	}
	dns_close(dns);
}

/* The rules of the access file. */
static void
check_access(struct check *c)
{
	struct access_faults faults = { .count = 0 };
	const char *path = c->config->access;
	char error[CONFIG_ERROR];
	bool again;

	if (path[0] == '\0') {
		return;
	}
	struct access *a = access_load(c->config, &faults, &again, error);
	if (a == NULL) {
		check_finding(c, FINDING_ERROR, "%s", error);
	} else if (faults.count > 0) {
		check_finding(c, FINDING_ERROR,
		    "%s:%u: %s; lines with mistakes: %zu, and none of the "
		    "file's changes count while a server runs that has read "
		    "it without them",
		    path, faults.line, faults.what, faults.count);
	} else {
		check_finding(c, FINDING_OK, "%zu rules for clients in %s",
		    access_count(a), path);
	}
	access_free(a);
}

void
check_policy(struct check *c)
{
	const struct config *config = c->config;

	check_accounts(c);
	check_access(c);
	if (config->greet_delay > LONG_DELAY) {
		check_finding(c, FINDING_WARNING,
		    "greet-delay %u: many servers do not wait that long for a "
		    "greeting; 6 is enough",
		    config->greet_delay);
	}
	if (config->greylist > LONG_WAIT) {
		check_finding(c, FINDING_WARNING,
		    "greylist %u: some servers do not retry that long; 300 is "
		    "enough",
		    config->greylist);
	}
	for (size_t i = 0; i < config->ndnsbl; i++) {
		check_list(c, &config->dnsbl[i]);
	}
	check_auth(c);
	check_resolver(c);
	check_everybody(c, FINDING_WARNING, "policy-exempt",
	    "the rules for strangers never apply", config->policy_exempt,
	    config->npolicy_exempt);
}
