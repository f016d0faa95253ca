/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "smtpd/job/requests.h"

#include "smtpd/route/route.h"

#include <string.h>

bool
etrn_valid(const void *payload, size_t size)
{
	const char *text = payload;

	return size > 1 && size <= ADDRESS_DOMAIN + 2 &&
	       strnlen(text, size) == size - 1 &&
	       address_is_domain(text + (text[0] == '@'));
}

bool
etrn_allowed(const struct config *config, const char *domain)
{
	domain += *domain == '@';
	return config_is_ours(config, domain) || route_hands_on(config, domain);
}

unsigned
recipients_most(const struct config *config, enum role role, bool user)
{
	enum { LOCAL = 10000 }; /* a script cannot send the rest later */
	unsigned own = user ? config->recipients_user : config->recipients;

	return role == ROLE_LOCAL && own < LOCAL ? LOCAL : own;
}
