/* SPDX-License-Identifier: ISC */
/* smtpd --check: what the DNS has about our domains. */
#include "smtpd/admin/check_private.h"

#include "common/dns/blocklist.h"
#include "common/dns/dns_lookup.h"
#include "common/io/deadline.h"
#include "common/text/network.h"
#include "smtpd/admin/zone_private.h"
#include "smtpd/worker/dnsbl.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 5000 }; /* ms for all lists */

/* What came of the records of a domain. */
struct tally {
	const struct zone *zone;
	size_t wrong, unknown, known;
	char list[600]; /* those that are wrong, as far as there is room */
	char why[ZONE_NOTE];
};

static void
count(void *context, const struct zone_record *r, const struct zone_finding *f)
{
	static const char *const words[] = { "", "no", "another", "several", "",
		"" };
	struct tally *t = context;
	char name[ZONE_NAME], text[ZONE_NAME + 32];

	if (f->word == ZONE_UNKNOWN) {
		t->unknown++;
		strlcpy(t->why, f->note, sizeof(t->why));
		return;
	}
	t->known++;
	if (f->word == ZONE_OK || f->word == ZONE_ABSENT) {
		return;
	}
	zone_relative(t->zone, r->name, name);
	snprintf(text, sizeof(text), "%s%s %s %s", t->wrong > 0 ? ", " : "",
	    words[f->word], zone_types[r->type], name);
	strlcat(t->list, text, sizeof(t->list));
	t->wrong++;
}

/* ---- lists of senders of spam ---- */

/* What a list says about an address of ours. */
static void
check_list(struct check *c, const struct blocklist *list, const char *address,
    const struct dns_lookup *q)
{
	switch (dnsbl_read(list, q)) {
	case BLOCKLIST_LISTED:
		check_finding(c, FINDING_WARNING,
		    "%s is listed as a sender of spam by %s, and many refuse "
		    "its mail: see what the list says, mend that, and have it "
		    "removed there",
		    address, list->zone);
		break;
	case BLOCKLIST_REFUSED:
		check_finding(c, FINDING_UNKNOWN,
		    "%s does not say if %s is listed: it does not serve the "
		    "name server that we ask; see the key resolver",
		    list->zone, address);
		break;
	case BLOCKLIST_IGNORED:
		check_finding(c, FINDING_OK, "%s is not listed by %s", address,
		    list->zone);
		break;
	case BLOCKLIST_SILENT:
		break;
	}
}

/* Asks those that are configured, or the one that most others ask. */
static void
check_lists(struct check *c, const struct zone *zone)
{
	static struct dns_lookup questions[DNS_LOOKUP_MOST];
	static const struct blocklist usual = { .zone = "zen.spamhaus.org" };
	const struct config *config = c->config;
	const struct blocklist *lists =
	    config->ndnsbl > 0 ? config->dnsbl : &usual;
	size_t nlists = config->ndnsbl > 0 ? config->ndnsbl : 1;
	struct dns *dns = dns_open(config);
	uint8_t address[16];

	for (size_t i = 0; dns != NULL && i < zone->naddresses; i++) {
		size_t n = 0;
		if (!network_address(zone->addresses[i], address)) {
			continue;
		}
		for (; n < nlists && n < DNS_LOOKUP_MOST; n++) {
			blocklist_name(&lists[n], address, questions[n].name);
			questions[n].type = ns_t_a;
		}
		dns_look_up(dns, questions, n, deadline_now() + PATIENCE);
		for (size_t k = 0; k < n; k++) {
			check_list(
			    c, &lists[k], zone->addresses[i], &questions[k]);
		}
	}
	dns_close(dns);
}

/* ---- domains ---- */

/* first: what is about the host is looked at, too.  False: nobody answers, and
   it is of no use to go on. */
static bool
check_zone(struct check *c, struct zone *zone, bool first)
{
	const char *domain = zone->domain;
	struct tally t = { .zone = zone };

	if (zone_compare(zone, count, &t) == -1) {
		return false; /* check_routes() says it */
	}
	if (t.known == 0) {
		check_finding(c, FINDING_UNKNOWN,
		    "the DNS cannot be asked about %s: %s", domain, t.why);
	} else if (t.wrong > 0) {
		check_finding(c, FINDING_WARNING,
		    "the DNS has %s for %s; type: smtpd --dns %s --check",
		    t.list, domain, domain);
	} else {
		check_finding(c, FINDING_OK, "the DNS has the records of %s%s",
		    domain,
		    t.unknown > 0 ? ", as far as it could be asked" : "");
	}
	if (t.known > 0 && zone->naddresses == 0 && !zone->addresses_unknown) {
		check_finding(c, FINDING_WARNING,
		    "%s has no address that the world can reach, neither here "
		    "nor in the DNS: no mail comes in",
		    zone->host);
	}
	if (zone->nkeys == 0 && c->config->dkim_sign != DKIM_SIGN_OFF) {
		check_finding(c, FINDING_WARNING,
		    "mail of %s is not signed (DKIM), so others may take it "
		    "for spam; type: smtpd --dkim %s",
		    domain, domain);
	}
	/* With a relay, nobody sees our addresses. */
	if (t.known > 0 && first && c->config->relay[0] == '\0') {
		check_lists(c, zone);
	}
	return t.known > 0;
}

size_t
check_make_zones(const struct config *config, struct zone *zones[CONFIG_LIST])
{
	size_t n = 0;
	int status;

	for (size_t i = 0; i < config->ndomains; i++) {
		struct zone *zone =
		    zone_is_known(config, config->domains[i])
			? zone_make(config, config->domains[i], &status)
			: NULL;
		if (zone != NULL) {
			zones[n++] = zone;
		} /* else check_names() or check_signing() says why */
	}
	return n;
}

void
check_zones(struct check *c, struct zone *const *zones, size_t count)
{
	for (size_t i = 0; i < count && check_zone(c, zones[i], i == 0); i++) {
		continue;
	}
}

void
check_dns(struct check *c)
{
	struct zone *zones[CONFIG_LIST];
	size_t n = check_make_zones(c->config, zones);

	check_zones(c, zones, n);
	for (size_t i = 0; i < n; i++) {
		free(zones[i]);
	}
}
