/* SPDX-License-Identifier: ISC */
/* smtpd --check: what the DNS has about our domains. */
#include "smtpd/admin/check_private.h"

#include "smtpd/admin/zone_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/*
 * Names that the world's DNS does not have, or not as ours (RFC 6761): nobody
 * is asked about them but a name server that is configured.
 */
static bool
is_reserved(const char *domain)
{
	static const char *const names[] = { "test", "example", "invalid",
		"localhost", "localdomain", "local", "internal", "lan",
		"home.arpa", "example.com", "example.net", "example.org" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(domain), n = strlen(names[i]);
		if (len >= n && strcasecmp(domain + len - n, names[i]) == 0 &&
		    (len == n || domain[len - n - 1] == '.')) {
			return true;
		}
	}
	return strchr(domain, '.') == NULL;
}

/* False: nobody answers, and it is of no use to go on. */
static bool
check_domain(struct check *c, const char *domain)
{
	int status;
	struct zone *zone = zone_make(c->config, domain, &status);
	struct tally t = { .zone = zone };

	if (zone == NULL) {
		return true; /* check_names(), check_signing() say it */
	}
	if (zone_compare(zone, count, &t) == -1) {
		free(zone);
		return false; /* check_routes() says it */
	}
	if (t.known == 0) {
		check_finding(c, FINDING_WARNING,
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
	if (t.known > 0 && zone->naddresses == 0) {
		check_finding(c, FINDING_WARNING,
		    "%s has no address that the world can reach, neither here "
		    "nor in the DNS: no mail comes in",
		    zone->host);
	}
	if (zone->nkeys == 0 && c->config->dkim_sign != DKIM_SIGN_OFF) {
		check_finding(c, FINDING_WARNING,
		    "mail of %s is not signed; type: smtpd --dkim %s", domain,
		    domain);
	}
	bool answered = t.known > 0;
	free(zone);
	return answered;
}

void
check_dns(struct check *c)
{
	const struct config *config = c->config;

	for (size_t i = 0; i < config->ndomains; i++) {
		const char *domain = config->domains[i];
		if (is_reserved(domain) && (config->resolver[0] == '\0' ||
					       strchr(domain, '.') == NULL)) {
			continue;
		}
		if (!check_domain(c, domain)) {
			return;
		}
	}
}
