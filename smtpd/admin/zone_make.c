/* SPDX-License-Identifier: ISC */
/* The records that a mail domain needs. */
#include "smtpd/admin/zone_private.h"

#include "common/log/log.h"
#include "common/text/network.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

enum { UNDER_WAY = 7 * 24 * 60 * 60 }; /* s that mail may wait, and more */

const char *const zone_types[ZONE_TYPES] = { "A", "AAAA", "PTR", "MX", "TXT",
	"SRV", "CNAME", "CAA", "TLSA", "policy" };

__attribute__((format(printf, 5, 6))) static struct zone_record *
add(struct zone *zone, enum zone_type type, enum zone_need need,
    const char *name, const char *fmt, ...)
{
	static struct zone_record none;
	va_list ap;

	if (zone->count == ZONE_RECORDS) {
		return &none;
	}
	struct zone_record *r = &zone->records[zone->count++];
	*r = (struct zone_record){ .type = type, .need = need };
	strlcpy(r->name, name, sizeof(r->name));
	va_start(ap, fmt);
	vsnprintf(r->value, sizeof(r->value), fmt, ap);
	va_end(ap);
	return r;
}

/* The name of something below the domain. */
static const char *
below(const struct zone *zone, const char *label, char name[ZONE_NAME])
{
	snprintf(name, ZONE_NAME, "%s.%s", label, zone->domain);
	return name;
}

/* ---- the host ---- */

void
zone_add_address(struct zone *zone, const char *address)
{
	add(zone, strchr(address, ':') != NULL ? ZONE_AAAA : ZONE_A,
	    ZONE_NEEDED, zone->host, "%s", address);
}

void
zone_add_pointer(struct zone *zone, const char *address)
{
	char name[ASK_NAME];
	uint8_t octets[NETWORK_ADDRESS];

	if (!network_address(address, octets)) {
		return;
	}
	ask_reverse(octets, name);
	/* With a relay nobody sees us send. */
	add(zone, ZONE_PTR,
	    zone->config->relay[0] != '\0' ? ZONE_USEFUL : ZONE_NEEDED, name,
	    "%s.", zone->host)
	    ->note =
	    "the reverse name, which whoever gave you the address sets";
}

static void
add_host(struct zone *zone)
{
	for (size_t i = 0; i < zone->naddresses; i++) {
		zone_add_address(zone, zone->addresses[i]);
	}
	for (size_t i = 0; i < zone->naddresses; i++) {
		zone_add_pointer(zone, zone->addresses[i]);
	}
}

/* ---- mail ---- */

static void
add_mail(struct zone *zone)
{
	char spf[1024] = "v=spf1 mx";

	for (size_t i = 0; i < zone->naddresses; i++) {
		const char *address = zone->addresses[i];
		strlcat(spf, strchr(address, ':') != NULL ? " ip6:" : " ip4:",
		    sizeof(spf));
		strlcat(spf, address, sizeof(spf));
	}
	add(zone, ZONE_MX, ZONE_NEEDED, zone->domain, "10 %s.", zone->host);
	struct zone_record *r =
	    add(zone, ZONE_TXT, ZONE_NEEDED, zone->domain, "%s ~all", spf);
	if (zone->config->relay[0] != '\0') {
		r->note = "mail leaves by the relay, too: add before ~all what "
			  "its provider names (include:...)";
	}
	if (strcasecmp(zone->host, zone->domain) != 0) {
		add(zone, ZONE_TXT, ZONE_NEEDED, zone->host, "v=spf1 a -all")
		    ->note = "reports have no sender but this name";
	}
}

/* True if mail that a key has signed, which signs no more, may be under way. */
static bool
is_recent(const struct config *config, const struct dkim_name *name)
{
	char path[PATH_MAX];
	struct stat st;

	return dkim_key_path(
		   config, name->domain, name->selector, ".old", path) == 0 &&
	       stat(path, &st) == 0 && st.st_ctime > time(NULL) - UNDER_WAY;
}

static void
add_key(struct zone *zone, const struct dkim_name *key, const char *record,
    bool old)
{
	char name[ZONE_NAME];

	snprintf(name, sizeof(name), "%s._domainkey.%s", key->selector,
	    zone->domain);
	struct zone_record *r = add(zone, ZONE_TXT,
	    old ? ZONE_USEFUL : ZONE_NEEDED, name, "%s", record);
	if (old) {
		r->note = "has signed mail that may be under way; remove it 7 "
			  "days after the change of keys";
	}
	zone->nkeys++;
}

/* Keys that sign, those that will, and those that did. */
static int
add_keys(struct zone *zone)
{
	static struct dkim_keys keys;
	char error[CONFIG_ERROR], record[DKIM_RECORD];
	static const char *const endings[] = { ".pem", ".next", ".old" };

	for (size_t e = 0; e < 3; e++) {
		bool old = e == 2;
		if (dkim_keys_read(&keys, zone->config, zone->domain,
			endings[e], error) == -1) {
			log_error("%s", error);
			return -1;
		}
		for (size_t i = 0; i < keys.count; i++) {
			if (keys.keys[i] != NULL &&
			    dkim_record(keys.keys[i], record) == 0 &&
			    (!old || is_recent(zone->config, &keys.names[i]))) {
				add_key(zone, &keys.names[i], record, old);
			}
		}
		dkim_keys_close(&keys);
	}
	return 0;
}

static void
add_policy(struct zone *zone)
{
	char name[ZONE_NAME];

	add(zone, ZONE_TXT, ZONE_NEEDED, below(zone, "_dmarc", name),
	    "v=DMARC1; p=none; rua=mailto:postmaster@%s", zone->domain)
	    ->note = "p=none only asks for reports; after two weeks without "
		     "surprises in them (smtpd --reports), make it p=reject";
}

/* The certificates of this server (RFC 7672): one record for each key. */
static void
add_certificates(struct zone *zone)
{
	uint8_t digest[CRYPTO_SHA256];
	struct tls_public *public = zone->certificates;
	char name[ZONE_NAME], hex[2 * sizeof(digest) + 1], error[CONFIG_ERROR];
	struct tls_keys *keys = tls_keys_open(zone->config, false, error);

	zone->no_tlsa = keys == NULL;
	if (keys == NULL) {
		return;
	}
	snprintf(name, sizeof(name), "_25._tcp.%s", zone->host);
	for (size_t i = 0; i < tls_keys_count(keys); i++, public ++) {
		if (!tls_keys_public(keys, i, public)) {
			zone->no_tlsa = true;
			break;
		}
		crypto_sha256(public->key, public->key_len, digest);
		for (size_t k = 0; k < sizeof(digest); k++) {
			snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		}
		struct zone_record *r =
		    add(zone, ZONE_TLSA, ZONE_DEPENDS, name, "3 1 1 %s", hex);
		r->public = public;
		r->note = "only in a zone that is signed (DNSSEC), and if "
			  "renewals of the certificate keep its key: mail "
			  "from servers that follow it waits if it is wrong";
	}
	tls_keys_close(keys);
}

/* How other servers secure the way to this one. */
static void
add_transport(struct zone *zone)
{
	char name[ZONE_NAME];

	add_certificates(zone);
	zone_make_policy(zone);
	below(zone, "mta-sts", name);
	if (strcasecmp(name, zone->host) != 0) {
		add(zone, ZONE_CNAME, ZONE_DEPENDS, name, "%s.", zone->host)
		    ->note = "MTA-STS: a web server that has the policy, which "
			     "smtpd --dns --policy writes";
	}
	add(zone, ZONE_TXT, ZONE_DEPENDS, below(zone, "_mta-sts", name),
	    "v=STSv1; id=%s", zone->policy_id)
	    ->note = "once that web server has the policy; with each change "
		     "of it, and after that";
	add(zone, ZONE_TXT, ZONE_NEEDED, below(zone, "_smtp._tls", name),
	    "v=TLSRPTv1; rua=mailto:postmaster@%s", zone->domain);
}

/* ---- clients ---- */

/* What they look for (RFC 6186, RFC 8314); "." is: not here. */
static void
add_services(struct zone *zone)
{
	const struct {
		const char *service;
		unsigned port;
	} services[] = { { "_submissions._tcp", 465 }, { "_pop3s._tcp", 995 },
		{ "_submission._tcp", 0 }, { "_pop3._tcp", 0 },
		{ "_imap._tcp", 0 },
		{ "_imaps._tcp", zone->config->clients_imap ? 993 : 0 } };
	char name[ZONE_NAME];

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		below(zone, services[i].service, name);
		if (services[i].port == 0) {
			add(zone, ZONE_SRV, ZONE_USEFUL, name, "0 0 0 .");
		} else {
			add(zone, ZONE_SRV, ZONE_NEEDED, name, "0 1 %u %s.",
			    services[i].port, zone->host);
		}
	}
	below(zone, "autoconfig", name);
	if (strcasecmp(name, zone->host) != 0) {
		add(zone, ZONE_CNAME, ZONE_DEPENDS, name, "%s.", zone->host)
		    ->note = "for Thunderbird, if a web server there has "
			     "/mail/config-v1.1.xml";
	}
}

static void
add_authorities(struct zone *zone)
{
	add(zone, ZONE_CAA, ZONE_DEPENDS, zone->domain,
	    "0 issue letsencrypt.org")
	    ->note = "nobody else may issue certificates then: name your own "
		     "authority";
}

/* ---- all of it ---- */

void
zone_relative(const struct zone *zone, const char *name, char out[ZONE_NAME])
{
	size_t len = strlen(name), n = strlen(zone->domain);

	if (len == n && strcasecmp(name, zone->domain) == 0) {
		strlcpy(out, "@", ZONE_NAME);
	} else if (len > n && name[len - n - 1] == '.' &&
		   strcasecmp(name + len - n, zone->domain) == 0) {
		snprintf(out, ZONE_NAME, "%.*s", (int)(len - n - 1), name);
	} else {
		snprintf(out, ZONE_NAME, "%s.", name);
	}
}

/* A zone without records. */
static struct zone *
begin_zone(const struct config *config, const char *domain, int *status)
{
	struct zone *zone = calloc(1, sizeof(*zone));

	*status = EX_OSERR;
	if (zone == NULL) {
		log_error("not enough memory");
		return NULL;
	}
	if (domain == NULL) {
		domain = config->ndomains > 0 ? config->domains[0]
		                              : config->hostname;
	}
	zone->config = config;
	*status = EX_OK;
	if (!dkim_domain(domain, zone->domain)) {
		log_error("not a domain: %s", domain);
		*status = EX_USAGE;
	} else if (!dkim_domain(config->hostname, zone->host)) {
		log_error("the host name %s cannot be in the DNS: set the key "
			  "hostname",
		    config->hostname);
		*status = EX_CONFIG;
	}
	if (*status != EX_OK) {
		free(zone);
		return NULL;
	}
	return zone;
}

struct zone *
zone_make(const struct config *config, const char *domain, int *status)
{
	struct zone *zone = begin_zone(config, domain, status);

	if (zone == NULL) {
		return NULL;
	}
	zone_find_addresses(zone);
	add_host(zone);
	add_mail(zone);
	if (add_keys(zone) == -1) {
		*status = EX_NOPERM;
		free(zone);
		return NULL;
	}
	add_policy(zone);
	add_transport(zone);
	add_services(zone);
	add_authorities(zone);
	return zone;
}

/* Outlook's name for a web server with its file. */
static void
add_autodiscover(struct zone *zone)
{
	char name[ZONE_NAME];

	add(zone, ZONE_SRV, ZONE_DEPENDS,
	    below(zone, "_autodiscover._tcp", name), "0 0 443 autodiscover.%s.",
	    zone->domain)
	    ->note = "for Outlook, if a web server there has "
		     "/autodiscover/autodiscover.xml";
}

struct zone *
zone_make_services(const struct config *config, const char *domain, int *status)
{
	struct zone *zone = begin_zone(config, domain, status);

	if (zone != NULL) {
		add_services(zone);
		add_autodiscover(zone);
	}
	return zone;
}
