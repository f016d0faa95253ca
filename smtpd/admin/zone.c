/* SPDX-License-Identifier: ISC */
/* The records that a mail domain needs, and how they are printed. */
#include "smtpd/admin/zone.h"

#include "smtpd/admin/zone_private.h"

#include "common/log/log.h"
#include "common/text/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

const char *const zone_types[] = { "A", "AAAA", "MX", "TXT", "SRV" };

static struct zone zone;

__attribute__((format(printf, 3, 4))) static void
add(enum zone_type type, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (zone.count == ZONE_RECORDS) {
		return;
	}
	struct zone_record *r = &zone.records[zone.count++];
	r->type = type;
	strlcpy(r->name, name, sizeof(r->name));
	va_start(ap, fmt);
	vsnprintf(r->value, sizeof(r->value), fmt, ap);
	va_end(ap);
}

/* True if the world can reach it: no private, local or special address. */
static bool
is_public(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		uint32_t a =
		    ntohl(((const struct sockaddr_in *)(const void *)sa)
			      ->sin_addr.s_addr);
		return a >> 24 != 10 && a >> 24 != 127 && a >> 24 != 0 &&
		       a >> 20 != 0xac1 && a >> 16 != 0xc0a8 &&
		       a >> 16 != 0xa9fe && a >> 22 != 0x191 && a >> 28 < 0xe;
	}
	/* 2000::/3 is all that is given out. */
	return (((const struct sockaddr_in6 *)(const void *)sa)
		       ->sin6_addr.s6_addr[0] &
		   0xe0) == 0x20;
}

/* Adds our own addresses, and writes them into a record of SPF. */
static void
add_addresses(const char *host, char *spf, size_t size)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN], word[INET6_ADDRSTRLEN + 8];

	if (getifaddrs(&all) == -1) {
		return;
	}
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		const struct sockaddr *sa = i->ifa_addr;
		if (sa == NULL ||
		    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6) ||
		    !is_public(sa)) {
			continue;
		}
		bool four = sa->sa_family == AF_INET;
		const void *octets =
		    four ? (const void *)&(
			       (const struct sockaddr_in *)(const void *)sa)
			       ->sin_addr
			 : (const void *)&(
			       (const struct sockaddr_in6 *)(const void *)sa)
			       ->sin6_addr;
		if (inet_ntop(sa->sa_family, octets, text, sizeof(text)) ==
		    NULL) {
			continue;
		}
		add(four ? ZONE_A : ZONE_AAAA, host, "%s", text);
		snprintf(word, sizeof(word), " ip%d:%s", four ? 4 : 6, text);
		strlcat(spf, word, size);
	}
	freeifaddrs(all);
}

static void
add_keys(const struct config *config)
{
	static struct dkim_keys keys;
	char error[CONFIG_ERROR], record[DKIM_RECORD], name[ZONE_NAME];
	static const char *const endings[] = { ".pem", ".next" };

	for (size_t e = 0; e < 2; e++) {
		if (dkim_keys_read(
			&keys, config, zone.domain, endings[e], error) == -1) {
			log_error("%s", error);
			return;
		}
		for (size_t i = 0; i < keys.count; i++) {
			if (keys.keys[i] == NULL ||
			    dkim_record(keys.keys[i], record) == -1) {
				continue;
			}
			snprintf(name, sizeof(name), "%s._domainkey.%s",
			    keys.names[i].selector, zone.domain);
			add(ZONE_TXT, name, "%s", record);
		}
		dkim_keys_close(&keys);
	}
}

/* What clients look for (RFC 6186, RFC 8314); "." is: not here. */
static void
add_services(const char *host)
{
	static const struct {
		const char *service;
		unsigned port;
	} services[] = { { "_submissions._tcp", 465 }, { "_pop3s._tcp", 995 },
		{ "_submission._tcp", 0 }, { "_pop3._tcp", 0 },
		{ "_imap._tcp", 0 }, { "_imaps._tcp", 0 } };
	char name[ZONE_NAME];

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		snprintf(name, sizeof(name), "%s.%s", services[i].service,
		    zone.domain);
		if (services[i].port == 0) {
			add(ZONE_SRV, name, "0 0 0 .");
		} else {
			add(ZONE_SRV, name, "0 1 %u %s.", services[i].port,
			    host);
		}
	}
}

static void
fill(const struct config *config)
{
	const char *host = config->hostname;
	char spf[1024] = "v=spf1 mx", name[ZONE_NAME];

	add_addresses(host, spf, sizeof(spf));
	add(ZONE_MX, zone.domain, "10 %s.", host);
	add(ZONE_TXT, zone.domain, "%s ~all", spf);
	if (strcasecmp(host, zone.domain) != 0) {
		/* The name that reports are sent with, which have no sender. */
		add(ZONE_TXT, host, "v=spf1 a -all");
	}
	add_keys(config);
	snprintf(name, sizeof(name), "_dmarc.%s", zone.domain);
	add(ZONE_TXT, name, "v=DMARC1; p=none; rua=mailto:postmaster@%s",
	    zone.domain);
	snprintf(name, sizeof(name), "_smtp._tls.%s", zone.domain);
	add(ZONE_TXT, name, "v=TLSRPTv1; rua=mailto:postmaster@%s",
	    zone.domain);
	add_services(host);
}

/* ---- printing ---- */

static void
print_file(void)
{
	printf("$TTL 300\n");
	for (size_t i = 0; i < zone.count; i++) {
		const struct zone_record *r = &zone.records[i];
		if (r->type == ZONE_TXT) {
			dkim_print_text(r->name, r->value);
			continue;
		}
		if (r->type == ZONE_A || r->type == ZONE_AAAA) {
			printf("; whoever gave you %s has to make its reverse "
			       "name (PTR) %s.\n",
			    r->value, r->name);
		}
		printf(
		    "%s. IN %s %s\n", r->name, zone_types[r->type], r->value);
	}
	printf("; _dmarc: p=none only reports. After two weeks without "
	       "surprises in the reports,\n; make it p=reject.\n");
}

/* A name without the domain; "@" for the domain itself. */
static void
print_relative(const char *name)
{
	size_t len = strlen(name), n = strlen(zone.domain);

	if (len == n && strcasecmp(name, zone.domain) == 0) {
		printf("@");
	} else if (len > n && name[len - n - 1] == '.' &&
		   strcasecmp(name + len - n, zone.domain) == 0) {
		printf("%.*s", (int)(len - n - 1), name);
	} else {
		printf("%s.", name);
	}
}

static void
print_web(void)
{
	for (size_t i = 0; i < zone.count; i++) {
		const struct zone_record *r = &zone.records[i];
		printf("%s | ", zone_types[r->type]);
		print_relative(r->name);
		printf(" | %s\n", r->value);
	}
	printf("# Some pages add the domain to names, want no quotes around "
	       "values and no\n# backslash before semicolons, and cut values "
	       "at 255 characters: check\n# afterwards, by smtpd --dns %s "
	       "--check\n",
	    zone.domain);
}

int
admin_dns(const struct config *config, const char *domain, enum zone_form form)
{
	if (domain == NULL) {
		domain = config->ndomains > 0 ? config->domains[0]
		                              : config->hostname;
	}
	if (!dkim_domain(domain, zone.domain)) {
		log_error("not a domain: %s", domain);
		return EX_USAGE;
	}
	fill(config);
	switch (form) {
	case ZONE_FILE:
		print_file();
		break;
	case ZONE_WEB:
		print_web();
		break;
	case ZONE_CHECK:
		return zone_check(config, &zone);
	}
	return EX_OK;
}
