/* SPDX-License-Identifier: ISC */
/* Which domains are ours. */
#include "common/config/config.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool
is_listed(const char list[][CONFIG_NAME], size_t n, const char *domain)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(list[i], domain) == 0) {
			return true;
		}
	}
	return false;
}

static bool
is_configured(const struct config *c, const char *domain)
{
	return is_listed(c->domains, c->ndomains, domain) ||
	       is_listed(c->virtual_domains, c->nvirtual_domains, domain) ||
	       strcasecmp(c->hostname, domain) == 0;
}

/* True for [127.0.0.1] and [IPv6:::1], however that is written. */
static bool
is_loopback_literal(const char *domain)
{
	static const char tag[] = "IPv6:";
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	size_t n = strlen(domain);

	if (n < 2 || domain[0] != '[' || domain[n - 1] != ']') {
		return false;
	}
	const char *p = domain + 1;
	n -= 2;
	if (strncasecmp(p, tag, sizeof(tag) - 1) == 0) {
		p += sizeof(tag) - 1;
		n -= sizeof(tag) - 1;
	}
	if (n >= sizeof(text)) {
		return false;
	}
	memcpy(text, p, n);
	text[n] = '\0';
	return strcmp(text, "127.0.0.1") == 0 ||
	       (inet_pton(AF_INET6, text, &a) == 1 && IN6_IS_ADDR_LOOPBACK(&a));
}

/* True if it means this machine, to whoever is on it. */
static bool
means_this_machine(const struct config *c, const char *domain)
{
	return strcasecmp(domain, "localhost") == 0 ||
	       strcasecmp(domain, "localhost.localdomain") == 0 ||
	       (c->system_name[0] != '\0' &&
		   strcasecmp(domain, c->system_name) == 0) ||
	       is_loopback_literal(domain);
}

bool
config_is_ours(const struct config *c, const char *domain)
{
	return is_configured(c, domain) || means_this_machine(c, domain);
}

bool
config_is_ours_to_all(const struct config *c, const char *domain)
{
	return is_configured(c, domain);
}

bool
config_is_virtual(const struct config *c, const char *domain)
{
	return is_listed(c->virtual_domains, c->nvirtual_domains, domain);
}
