/* SPDX-License-Identifier: ISC */
/* Finds the next hop of an address by the keys of the configuration. */
#include "smtpd/route/route.h"

#include "common/auth/srs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* How well a pattern of the key "route" fits: its length; 0: not at all. */
static size_t
fit_pattern(const char *pattern, const char *domain)
{
	size_t p = strlen(pattern), d = strlen(domain);

	if (strcmp(pattern, "*") == 0) {
		return 1;
	}
	if (pattern[0] == '.') {
		return d > p && strcasecmp(domain + d - p, pattern) == 0 ? p
		                                                         : 0;
	}
	/* The domain itself is more than any domain above it. */
	return strcasecmp(pattern, domain) == 0 ? p + 1 : 0;
}

static const struct config_rule *
by_domain(const struct config *c, const char *domain)
{
	const struct config_rule *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < c->nroutes; i++) {
		size_t n = fit_pattern(c->routes[i].pattern, domain);
		if (n > most) {
			most = n;
			best = &c->routes[i];
		}
	}
	return best;
}

/* The rule for the whole address, else the one for its domain. */
static const struct config_rule *
by_sender(const struct config *c, const char *sender)
{
	const struct config_rule *best = NULL;
	const char *at = strrchr(sender, '@');

	for (size_t i = 0; i < c->nsender_relays && at != NULL; i++) {
		const struct config_rule *rule = &c->sender_relays[i];
		if (strcasecmp(rule->pattern, sender) == 0) {
			return rule;
		}
		if (best == NULL && strcasecmp(rule->pattern, at) == 0) {
			best = rule;
		}
	}
	return best;
}

/* Uses that hop; one that cannot be parsed makes it ROUTE_NONE. */
static void
set_hop(struct route *r, const char *url, const char *domain, const char *what,
    const char *pattern)
{
	char error[CONFIG_ERROR];

	if (hop_parse(&r->hop, url, domain, error) == -1) {
		r->kind = ROUTE_NONE;
		snprintf(r->why, sizeof(r->why), "the %s%s%.200s: %.250s", what,
		    *pattern != '\0' ? " " : "", pattern, error);
		return;
	}
	r->kind = ROUTE_HOP;
	snprintf(r->why, sizeof(r->why), "the %s%s%.255s", what,
	    *pattern != '\0' ? " " : "", pattern);
}

/*
 * The fallback is used when the hosts that the DNS names, or the general relay,
 * do not take the mail.  Mail with an explicit route goes nowhere else.
 */
static void
add_fallback(
    const struct config *c, struct route *r, bool general, const char *domain)
{
	char error[CONFIG_ERROR];

	if (r->kind != ROUTE_HOP || !(r->hop.mx || general) ||
	    c->fallback_relay[0] == '\0') {
		return;
	}
	if (hop_parse(&r->fallback, c->fallback_relay, domain, error) == -1) {
		snprintf(r->why, sizeof(r->why),
		    "the key fallback-relay: %.400s", error);
		r->kind = ROUTE_NONE;
		return;
	}
	r->has_fallback = true;
}

void
route_user(const struct config *c, struct route *r)
{
	memset(r, 0, sizeof(*r));
	r->kind = ROUTE_LOCAL;
	if (c->deliver_by[0] != '\0') {
		set_hop(r, c->deliver_by, "", "key deliver-by", "");
	}
}

bool
route_hands_on(const struct config *c, const char *domain)
{
	const struct config_rule *rule = by_domain(c, domain);

	return rule != NULL && strcmp(rule->pattern, "*") != 0;
}

const char *
route_address(
    const struct config *c, const struct address *a, char text[ROUTE_ADDRESS])
{
	snprintf(text, ROUTE_ADDRESS, "%s@%s", a->local,
	    a->domain[0] != '\0' ? a->domain : c->domains[0]);
	return text;
}

bool
route_is_asked(
    const struct config *c, const struct address *a, const struct resolved *r)
{
	const char *domain = a->domain[0] != '\0' ? a->domain : c->domains[0];
	char text[ADDRESS_TEXT];

	return c->recipient_check == RECIPIENT_CHECK_NEXT_HOP &&
	       r->alias.kind == ALIAS_NONE && config_is_ours(c, domain) &&
	       route_hands_on(c, domain) &&
	       !srs_is_rewritten(address_text(a, text, sizeof(text)));
}

void
route_find(const struct config *c, const char *sender,
    const struct address *recipient, struct route *r)
{
	const char *domain = recipient->domain;
	const struct config_rule *rule;
	bool general = false;

	memset(r, 0, sizeof(*r));
	if (domain[0] == '\0' ||
	    (config_is_ours(c, domain) && !route_hands_on(c, domain))) {
		r->kind = ROUTE_LOCAL;
		strlcpy(r->why, "ours", sizeof(r->why));
	} else if ((rule = by_domain(c, domain)) != NULL) {
		set_hop(r, rule->value, domain, "key route", rule->pattern);
	} else if ((rule = by_sender(c, sender)) != NULL) {
		set_hop(
		    r, rule->value, domain, "key sender-relay", rule->pattern);
	} else if (c->relay[0] != '\0') {
		set_hop(r, c->relay, domain, "key relay", "");
		general = true;
	} else {
		set_hop(r, "mx", domain, "DNS", "");
	}
	add_fallback(c, r, general, domain);
}
