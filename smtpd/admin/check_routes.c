/* SPDX-License-Identifier: ISC */
/* smtpd --check: the next hops of outgoing mail; nothing is sent. */
#include "smtpd/admin/check_private.h"

#include "common/dns/dns.h"
#include "smtpd/admin/setup_private.h"
#include "smtpd/route/hop.h"
#include "smtpd/route/route.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
all_can_read(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

static void
check_login(struct check *c, const char *what, const struct hop *h)
{
	const char *file = c->config->file;

	if (h->password[0] == '\0' &&
	    hop_rule(h, c->config->relay_passwords,
		c->config->nrelay_passwords) == NULL) {
		check_finding(c, FINDING_ERROR,
		    "%s: no password for %s; put it into a file of mode 600, "
		    "and set: relay-password %s file:/path",
		    what, h->user, h->host);
	}
	if (h->password[0] != '\0' && all_can_read(file)) {
		check_finding(c, FINDING_WARNING,
		    "%s: everybody can read the password in %s; put it into a "
		    "file that the key relay-password names",
		    what, file);
	}
	if (h->tls < HOP_TLS_MUST) {
		check_finding(c, FINDING_WARNING,
		    "%s: the password can be read on the way; remove ?tls= "
		    "from it",
		    what);
	}
}

enum { PORT_SMTP = 25, PORT_SMTPS = 465, PORT_SUBMISSION = 587 };

/*
 * Tells of a port at which the other way of TLS is usual: on 465 smtp:// waits
 * for a greeting that never comes, and on 587 smtps:// gets one that is no TLS.
 * Mail then waits for days.
 */
static void
check_port(struct check *c, const char *what, const struct hop *h)
{
	bool smtp = h->transport == TRANSPORT_SMTP;

	if (smtp && h->port == PORT_SMTPS && h->mx) {
		check_finding(c, FINDING_WARNING,
		    "%s: MX hosts do not take mail on port 465; write mx "
		    "alone, or smtps:// and the host that your provider names",
		    what);
	} else if (smtp && h->port == PORT_SMTPS && !h->wrapped) {
		check_finding(c, FINDING_WARNING,
		    "%s: port 465 is for TLS from the first octet, and "
		    "smtp:// waits there in vain; write smtps:// instead of "
		    "smtp://%s",
		    what,
		    h->tls < HOP_TLS_MUST ? ", without ?tls= after it" : "");
	} else if (h->wrapped &&
		   (h->port == PORT_SUBMISSION || h->port == PORT_SMTP)) {
		check_finding(c, FINDING_WARNING,
		    "%s: port %u begins without TLS, and STARTTLS follows, so "
		    "that smtps:// fails there; write smtp:// instead of "
		    "smtps://%s",
		    what, h->port,
		    h->user[0] == '\0'
			? ", and ?tls=verify at the end, so that TLS stays a "
			  "must"
			: "");
	}
}

/* The one sender of a hop; providers that have none refuse most mail. */
static void
check_sender(struct check *c, const char *what, const struct hop *h)
{
	const struct config_rule *rule = hop_sender(h, c->config);
	bool address = strchr(h->user, '@') != NULL;

	if (rule != NULL) {
		check_finding(c, FINDING_OK, "%s: sent as %s%s", what,
		    rule->value, rule->more ? ", in From, too" : "");
	} else if (setup_provider_own(h->host)) {
		check_finding(c, FINDING_WARNING,
		    "%s: %s lets mail and reports leave from its account's "
		    "address alone; set: relay-from %s %s header",
		    what, h->host, h->host, address ? h->user : "ADDRESS");
	}
}

static void
check_hop(struct check *c, const char *what, const char *url)
{
	char text[HOP_TEXT], error[CONFIG_ERROR];
	struct stat st;
	struct hop h;

	if (hop_parse(&h, url, "example.org", error) == -1) {
		check_finding(c, FINDING_ERROR, "%s: %s", what, error);
		return;
	}
	check_finding(c, FINDING_OK, "%s: %s", what,
	    h.mx ? "as the DNS says" : hop_text(&h, text));
	if (h.unix_socket &&
	    (stat(h.host, &st) == -1 || !S_ISSOCK(st.st_mode))) {
		check_finding(
		    c, FINDING_WARNING, "%s: no socket at %s", what, h.host);
	}
	check_port(c, what, &h);
	check_greeting(c, what, &h);
	if (h.user[0] != '\0') {
		check_login(c, what, &h);
	}
	if (h.transport == TRANSPORT_SMTP && !h.mx) {
		check_sender(c, what, &h);
	}
}

static void
check_rules(struct check *c, const char *key, const struct config_rule *rules,
    size_t count)
{
	char what[CONFIG_NAME + 32];

	for (size_t i = 0; i < count; i++) {
		snprintf(what, sizeof(what), "%s %s", key, rules[i].pattern);
		check_hop(c, what, rules[i].value);
	}
}

/* Where a password comes from: "file:/path", "command:/path words". */
static void
check_source(struct check *c, const struct config_rule *rule)
{
	char path[CONFIG_VALUE];
	const char *from = strchr(rule->value, '/');
	bool file = strncmp(rule->value, "file:", 5) == 0 ||
	            strncmp(rule->value, "token-file:", 11) == 0;

	strlcpy(path, from, sizeof(path));
	if (!file) {
		path[strcspn(path, " \t")] = '\0';
	}
	if (access(path, file ? R_OK : X_OK) == -1) {
		check_finding(c, FINDING_ERROR, "relay-password %s: %s: %s",
		    rule->pattern, path, strerror(errno));
	} else if (file && all_can_read(path)) {
		check_finding(c, FINDING_ERROR,
		    "everybody can read %s; type: chmod 600 %s", path, path);
	} else {
		check_finding(c, FINDING_OK, "relay-password %s: %s",
		    rule->pattern, path);
	}
}

static bool
is_used(const struct config_rule *rule, const char *url)
{
	char error[CONFIG_ERROR];
	struct hop h;

	return url[0] != '\0' &&
	       hop_parse(&h, url, "example.org", error) == 0 &&
	       h.transport == TRANSPORT_SMTP && !h.mx &&
	       hop_rule(&h, rule, 1) != NULL;
}

/* The senders of hops: each is for one that there is. */
static void
check_relay_froms(struct check *c)
{
	const struct config *k = c->config;

	for (size_t i = 0; i < k->nrelay_froms; i++) {
		const struct config_rule *rule = &k->relay_froms[i];
		bool used =
		    is_used(rule, k->relay) || is_used(rule, k->fallback_relay);
		for (size_t j = 0; j < k->nroutes; j++) {
			used = used || is_used(rule, k->routes[j].value);
		}
		for (size_t j = 0; j < k->nsender_relays; j++) {
			used = used || is_used(rule, k->sender_relays[j].value);
		}
		if (!used) {
			check_finding(c, FINDING_WARNING,
			    "relay-from %s: no relay or route names that host "
			    "and user, so that it changes nothing",
			    rule->pattern);
		}
	}
}

/* Addresses that replace those of this machine. */
static void
check_masquerades(struct check *c)
{
	for (size_t i = 0; i < c->config->nmasquerades; i++) {
		const struct config_rule *rule = &c->config->masquerades[i];
		const char *at = strrchr(rule->pattern, '@');
		bool ours = config_is_ours(c->config, at + 1);
		check_finding(c, ours ? FINDING_OK : FINDING_WARNING,
		    "masquerade %s: %s%s%s", rule->pattern, rule->value,
		    rule->more ? ", for users who log in, too" : "",
		    ours ? "" : ", which is not an address of ours");
	}
}

/* Tells if TLSA records can be used: the root of the DNS is signed. */
static void
check_dane(struct check *c, struct dns *dns)
{
	bool on = c->config->dane == DANE_ON;
	char why[CONFIG_ERROR];

	if (c->config->dane == DANE_OFF) {
		check_finding(c, FINDING_OK,
		    "mail by MX asks for no TLSA records (dane off)");
	} else if (!dns_may_be_secure(dns)) {
		check_finding(c, FINDING_OK,
		    "mail by MX does without TLSA records (DANE): the name "
		    "servers are not on this machine; to have them, install "
		    "one that verifies signatures, such as unbound");
	} else if (dns_records(dns, ".", ns_t_soa, NULL, NULL, why) ==
		   DNS_TEMPORARY) {
		/* check_hops.c says that it does not answer. */
		return;
	} else if (dns_origin(dns)->secure) {
		check_finding(c, FINDING_OK,
		    "mail by MX follows TLSA records (DANE): the name server "
		    "verifies signatures");
	} else {
		check_finding(c, on ? FINDING_WARNING : FINDING_OK,
		    "mail by MX does without TLSA records (DANE): the name "
		    "server does not verify signatures, or does not say so; to "
		    "have them, install one that does, such as unbound");
	}
}

/*
 * A front hands mail for its domains on to a store: mail for its own name would
 * end in mailboxes of its own, which nobody reads.
 */
static void
check_own_name(struct check *c)
{
	const struct config *config = c->config;
	const char *routed = NULL;

	for (size_t i = 0; i < config->ndomains; i++) {
		const char *domain = config->domains[i];
		if (route_hands_on(config, domain)) {
			routed = domain;
		} else if (strcasecmp(domain, config->hostname) != 0) {
			return; /* some mail is meant for mailboxes here */
		}
	}
	if (routed != NULL && !route_hands_on(config, config->hostname)) {
		check_finding(c, FINDING_WARNING,
		    "mail for %s has a route, and mail for %s, which is always "
		    "ours, goes to mailboxes of this machine: set a route for "
		    "that, too, or smtpd -bt root@%s shows who gets it",
		    routed, config->hostname, config->hostname);
	}
}

void
check_routes(struct check *c)
{
	const struct config *config = c->config;

	check_rules(c, "route", config->routes, config->nroutes);
	check_rules(
	    c, "sender-relay", config->sender_relays, config->nsender_relays);
	check_hop(c, "mail for other domains",
	    config->relay[0] != '\0' ? config->relay : "mx");
	if (config->fallback_relay[0] != '\0') {
		check_hop(c, "fallback-relay", config->fallback_relay);
	}
	if (config->deliver_by[0] != '\0') {
		check_hop(c, "deliver-by", config->deliver_by);
	}
	check_own_name(c);
	check_greetings(c);
	check_recipients(c);
	for (size_t i = 0; i < config->nrelay_passwords; i++) {
		check_source(c, &config->relay_passwords[i]);
	}
	check_masquerades(c);
	check_relay_froms(c);
	if (config->tls_trust[0] != '\0' &&
	    access(config->tls_trust, R_OK) == -1) {
		check_finding(c, FINDING_ERROR, "tls-trust %s: %s",
		    config->tls_trust, strerror(errno));
	}
	struct dns *dns = dns_open(config);
	if (dns == NULL) {
		check_finding(c, FINDING_ERROR, "the name server%s%s: %s",
		    config->resolver[0] != '\0' ? " " : "", config->resolver,
		    strerror(errno));
		return;
	}
	check_dane(c, dns);
	dns_close(dns);
}
