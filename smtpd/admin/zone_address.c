/* SPDX-License-Identifier: ISC */
/* Which addresses of this machine the world can reach. */
#include "smtpd/admin/zone_private.h"

#include "common/text/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Flags of /proc/net/if_inet6, which are those of netlink (if_addr.h). */
enum { TEMPORARY = 0x01, DEPRECATED = 0x20, TENTATIVE = 0x40 };

/* Private, local, for documentation, not given out, and so on (RFC 6890). */
static const char *const special[] = { "0.0.0.0/8", "10.0.0.0/8",
	"100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/3",
	"2001:db8::/32", "3fff::/20", "4000::/2", "8000::/1" };

static bool
is_special(const char *text)
{
	struct network network;
	uint8_t address[NETWORK_ADDRESS];
	bool v4 = strchr(text, ':') == NULL;

	if (!network_address(text, address)) {
		return true;
	}
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		/* Those of IPv4 are in ::/3 as well. */
		if ((strchr(special[i], ':') == NULL) == v4 &&
		    network_parse(special[i], &network) &&
		    network_has(&network, address)) {
			return true;
		}
	}
	return false;
}

/* True if the address changes by itself (RFC 8981), or is not in use. */
static bool
is_passing(const struct in6_addr *address)
{
	char hex[2 * sizeof(*address) + 1], line[128];
	bool passing = false;
	FILE *f = fopen("/proc/net/if_inet6", "re");

	for (size_t i = 0; i < sizeof(*address); i++) {
		snprintf(hex + 2 * i, 3, "%02x", address->s6_addr[i]);
	}
	/* The address, and as the fifth word its flags. */
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *rest = line, *word = NULL;
		for (int i = 0; i < 5; i++) {
			word = strsep(&rest, " ");
		}
		if (word != NULL && strncmp(line, hex, sizeof(hex)) == 0) {
			unsigned long flags = strtoul(word, NULL, 16);
			passing =
			    (flags & (TEMPORARY | DEPRECATED | TENTATIVE)) != 0;
		}
	}
	if (f != NULL) {
		fclose(f);
	}
	return passing;
}

bool
zone_public_address(const struct sockaddr *sa, char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (sa != NULL && sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		return inet_ntop(AF_INET, &sin.sin_addr, text,
			   INET6_ADDRSTRLEN) != NULL &&
		       !is_special(text);
	}
	if (sa != NULL && sa->sa_family == AF_INET6) {
		memcpy(&sin6, sa, sizeof(sin6));
		return inet_ntop(AF_INET6, &sin6.sin6_addr, text,
			   INET6_ADDRSTRLEN) != NULL &&
		       !is_special(text) && !is_passing(&sin6.sin6_addr);
	}
	return false;
}

void
zone_find_addresses(struct zone *zone)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) == -1) {
		return;
	}
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (!zone_public_address(i->ifa_addr, text)) {
			continue;
		}
		if (zone->naddresses == ZONE_ADDRESSES) {
			zone->addresses_full = true;
			break;
		}
		strlcpy(zone->addresses[zone->naddresses++], text,
		    sizeof(zone->addresses[0]));
	}
	freeifaddrs(all);
}
