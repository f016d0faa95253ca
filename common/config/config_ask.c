/* SPDX-License-Identifier: ISC */
/* What others ask the configuration. */
#include "common/config/config.h"

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

bool
config_is_ours(const struct config *c, const char *domain)
{
	return is_listed(c->domains, c->ndomains, domain) ||
	       is_listed(c->virtual_domains, c->nvirtual_domains, domain) ||
	       strcasecmp(c->hostname, domain) == 0;
}

bool
config_is_virtual(const struct config *c, const char *domain)
{
	return is_listed(c->virtual_domains, c->nvirtual_domains, domain);
}

bool
config_system_users(const struct config *c)
{
	return c->system_users;
}
