/* SPDX-License-Identifier: ISC */
/* DANE: finds the TLSA records of a mail exchanger (RFC 7672 section 2.2). */
#include "smtpd/relay/dane.h"

#include "smtpd/relay/race.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { TYPE_TLSA = 52 }; /* <arpa/nameser.h> need not have it */

/*
 * Asks for the records of a base domain.  DNS_OK: there are some; DNS_NONE:
 * surely not, or not by a signature; DNS_TEMPORARY: why says more.
 */
static enum dns_status
find_records(struct dns *dns, const char *base, unsigned port,
    struct dane *dane, char why[CONFIG_ERROR])
{
	char name[DNS_NAME];

	memset(&dane->tlsa, 0, sizeof(dane->tlsa));
	if ((size_t)snprintf(name, sizeof(name), "_%u._tcp.%s", port, base) >=
	    sizeof(name)) {
		return DNS_NONE; /* no name can be so long */
	}
	enum dns_status status =
	    dns_records(dns, name, TYPE_TLSA, tlsa_add, &dane->tlsa, why);
	if (status == DNS_TEMPORARY) {
		return status;
	}
	if (status != DNS_OK || !dns_origin(dns)->secure ||
	    !tlsa_exists(&dane->tlsa)) {
		return DNS_NONE;
	}
	strlcpy(dane->base, base, sizeof(dane->base));
	dane->state = dane->tlsa.count > 0 ? DANE_PROVED : DANE_TLS;
	return DNS_OK;
}

/* True if the host is an alias by a signed record, whatever it leads to. */
static bool
is_signed_alias(
    struct dns *dns, const char *host, bool *unknown, char why[CONFIG_ERROR])
{
	enum dns_status status =
	    dns_records(dns, host, ns_t_cname, NULL, NULL, why);
	const struct dns_origin *o = dns_origin(dns);

	*unknown = status == DNS_TEMPORARY;
	return !*unknown && o->secure && strcasecmp(o->canonical, host) != 0;
}

void
dane_find(struct dns *dns, const char *host, unsigned port, struct dane *dane,
    char why[CONFIG_ERROR])
{
	struct dns_address addresses[DNS_ADDRESSES];
	char canonical[DNS_NAME];
	size_t count;

	dane->state = DANE_NONE;
	why[0] = '\0';
	if (race_literal(host, &addresses[0])) {
		return;
	}
	if (dns_addresses(dns, host, addresses, &count, why) != DNS_OK) {
		/* Without an address nothing goes there anyway. */
		return;
	}
	bool secure = dns_origin(dns)->secure, unknown = false;
	strlcpy(canonical, dns_origin(dns)->canonical, sizeof(canonical));
	bool alias = strcasecmp(canonical, host) != 0;
	if (!secure && !(alias && is_signed_alias(dns, host, &unknown, why))) {
		/* Servers that sign nothing may also choke on the question. */
		dane->state = unknown ? DANE_UNKNOWN : DANE_NONE;
		return;
	}
	/* Section 2.2.3: the name at the end of the aliases comes first. */
	enum dns_status status =
	    secure && alias ? find_records(dns, canonical, port, dane, why)
			    : DNS_NONE;
	if (status == DNS_NONE) {
		status = find_records(dns, host, port, dane, why);
	}
	if (status == DNS_TEMPORARY) {
		dane->state = DANE_UNKNOWN;
	}
}
