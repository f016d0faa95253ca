/* SPDX-License-Identifier: ISC */
/* Reads the keys that say where mail for others goes. */
#include "common/config/config_private.h"

#include "common/text/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

int
config_set_hop(
    const struct config_place *at, char dst[CONFIG_VALUE], const char *value)
{
	if (strpbrk(value, " \t") != NULL) {
		return config_fail(at, "one word expected for", "a next hop");
	}
	if (strlcpy(dst, value, CONFIG_VALUE) >= CONFIG_VALUE) {
		return config_fail(at, "value too long:", "a next hop");
	}
	return 0;
}

/* A server of ours that keeps users' mail: by LMTP, which answers for each. */
int
config_set_deliver_by(
    const struct config_place *at, struct config *c, const char *value)
{
	return strncmp(value, "lmtp:", 5) == 0
	           ? config_set_hop(at, c->deliver_by, value)
	           : config_fail(at, "lmtp:... expected, not", value);
}

struct config_rule *
config_next_rule(const struct config_place *at, struct config_rule *rules,
    size_t count, const char *text)
{
	size_t n = strcspn(text, " \t");

	if (count == CONFIG_LIST) {
		config_fail(at, "too many lines from this on, for", "one key");
		return NULL;
	}
	if (n >= CONFIG_NAME) {
		config_fail(at, "too long:", "the first word");
		return NULL;
	}
	struct config_rule *rule = &rules[count];
	memcpy(rule->pattern, text, n);
	rule->pattern[n] = '\0';
	text += n;
	text += strspn(text, " \t");
	if (*text == '\0') {
		config_fail(at, "two words expected, not", rule->pattern);
		return NULL;
	}
	if (strlcpy(rule->value, text, CONFIG_VALUE) >= CONFIG_VALUE) {
		config_fail(at, "value too long after", rule->pattern);
		return NULL;
	}
	return rule;
}

/* Counts the rule if its value can be a hop. */
static int
add_hop(const struct config_place *at, const struct config_rule *rule,
    size_t *count)
{
	if (strpbrk(rule->value, " \t") != NULL) {
		return config_fail(
		    at, "one word expected after", rule->pattern);
	}
	++*count;
	return 0;
}

/* "example.org", ".example.org" for all below it, "*" for everything. */
int
config_set_route(
    const struct config_place *at, struct config *c, const char *value)
{
	const struct config_rule *rule =
	    config_next_rule(at, c->routes, c->nroutes, value);

	if (rule == NULL) {
		return -1;
	}
	const char *domain = rule->pattern + (rule->pattern[0] == '.');
	if (strcmp(rule->pattern, "*") != 0 && !address_is_domain(domain)) {
		return config_fail(
		    at, "a domain, .domain or * expected, not", rule->pattern);
	}
	return add_hop(at, rule, &c->nroutes);
}

bool
config_is_sender(const char *pattern)
{
	struct address a;
	const char *rest;

	return pattern[0] == '@'
	           ? address_is_domain(pattern + 1)
	           : address_path(pattern, &a, &rest) == PATH_OK &&
	                 pattern[0] != '<' && *rest == '\0' &&
	                 a.domain[0] != '\0';
}

int
config_set_sender(
    const struct config_place *at, struct config *c, const char *value)
{
	const struct config_rule *rule =
	    config_next_rule(at, c->sender_relays, c->nsender_relays, value);

	if (rule == NULL) {
		return -1;
	}
	if (!config_is_sender(rule->pattern)) {
		return config_fail(
		    at, "an address or @domain expected, not", rule->pattern);
	}
	return add_hop(at, rule, &c->nsender_relays);
}

/* True for "[user@]host": names of users may be addresses themselves. */
static bool
is_login(const char *pattern)
{
	const char *sep = strrchr(pattern, '@');

	return sep != pattern &&
	       address_is_domain(sep == NULL ? pattern : sep + 1);
}

int
config_set_secret(
    const struct config_place *at, struct config *c, const char *value)
{
	static const char *const sources[] = { "file:/", "command:/", "token:/",
		"token-file:/" };
	const struct config_rule *rule = config_next_rule(
	    at, c->relay_passwords, c->nrelay_passwords, value);

	if (rule == NULL) {
		return -1;
	}
	if (!is_login(rule->pattern)) {
		return config_fail(
		    at, "a host or user@host expected, not", rule->pattern);
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strncmp(rule->value, sources[i], strlen(sources[i])) == 0) {
			c->nrelay_passwords++;
			return 0;
		}
	}
	/* It may be the password itself: not shown. */
	return config_fail(at,
	    "file:/path, command:/path, token:/path or token-file:/path "
	    "expected after",
	    rule->pattern);
}

/* Cuts the words after the first off the value, if they are these. */
static void
cut_words(struct config_rule *rule, const char *first, const char *second)
{
	char *at = rule->value + strcspn(rule->value, " \t");
	char *words = at + strspn(at, " \t");
	size_t n = strcspn(words, " \t");
	char *rest = words + n;

	rest += strspn(rest, " \t");
	rule->more = n == strlen(first) && strncmp(words, first, n) == 0 &&
	             strcmp(rest, second) == 0;
	if (rule->more) {
		*at = '\0';
	}
}

/* "[user@]host a@b" and perhaps "header". */
int
config_set_relay_from(
    const struct config_place *at, struct config *c, const char *value)
{
	struct config_rule *rule =
	    config_next_rule(at, c->relay_froms, c->nrelay_froms, value);

	if (rule == NULL) {
		return -1;
	}
	if (!is_login(rule->pattern)) {
		return config_fail(
		    at, "a host or user@host expected, not", rule->pattern);
	}
	cut_words(rule, "header", "");
	if (rule->value[0] == '@' || !config_is_sender(rule->value)) {
		return config_fail(at,
		    "an address, and perhaps \"header\", expected, not",
		    rule->value);
	}
	c->nrelay_froms++;
	return 0;
}

/* "a@b c@d", "@b c@d" for all of a domain, "@b @d" with the names kept; and
   perhaps "for login". */
int
config_set_masquerade(
    const struct config_place *at, struct config *c, const char *value)
{
	struct config_rule *rule =
	    config_next_rule(at, c->masquerades, c->nmasquerades, value);

	if (rule == NULL) {
		return -1;
	}
	if (!config_is_sender(rule->pattern)) {
		return config_fail(
		    at, "an address or @domain expected, not", rule->pattern);
	}
	cut_words(rule, "for", "login");
	if (!config_is_sender(rule->value)) {
		return config_fail(
		    at, "an address or @domain expected, not", rule->value);
	}
	c->nmasquerades++;
	return 0;
}

/* "a@b", or "a@b in", "a@b out". */
int
config_set_archive(
    const struct config_place *at, struct config *c, const char *value)
{
	char address[CONFIG_NAME];
	size_t n = strcspn(value, " \t");
	const char *what = value + n + strspn(value + n, " \t");
	bool in = strcmp(what, "in") == 0, out = strcmp(what, "out") == 0;

	if (n >= sizeof(address)) {
		return config_fail(at, "too long:", "the first word");
	}
	memcpy(address, value, n);
	address[n] = '\0';
	if (address[0] == '@' || !config_is_sender(address)) {
		return config_fail(at, "an address expected, not", address);
	}
	if (!in && !out && *what != '\0') {
		return config_fail(at, "in or out expected, not", what);
	}
	if (!out) {
		strlcpy(c->archive_in, address, CONFIG_NAME);
	}
	if (!in) {
		strlcpy(c->archive_out, address, CONFIG_NAME);
	}
	return 0;
}

/* Replaces what is between the user's ":" and the last "@" of a next hop. */
static void
hide(char *hop)
{
	size_t before = strlen(hop);
	char *from = strstr(hop, "://"), *at = strrchr(hop, '@');

	from = from == NULL ? hop : from + 3;
	/* A path may have an "@", too. */
	if (at == NULL || at < from || strncasecmp(hop, "lmtp:", 5) == 0) {
		return;
	}
	char *colon = memchr(from, ':', (size_t)(at - from));
	if (colon == NULL || colon + 1 == at) {
		return;
	}
	colon[1] = CONFIG_HIDDEN;
	memmove(colon + 2, at, strlen(at) + 1);
	size_t now = strlen(hop);
	explicit_bzero(hop + now, before - now);
}

void
config_hide_passwords(struct config *c)
{
	hide(c->relay);
	hide(c->fallback_relay);
	for (size_t i = 0; i < c->nroutes; i++) {
		hide(c->routes[i].value);
	}
	for (size_t i = 0; i < c->nsender_relays; i++) {
		hide(c->sender_relays[i].value);
	}
}

int
config_set_subaddress(
    const struct config_place *at, struct config *c, const char *value)
{
	if (strcmp(value, "none") == 0) {
		c->subaddress[0] = '\0';
		return 0;
	}
	for (const char *p = value; *p != '\0'; p++) {
		if (!ispunct((unsigned char)*p) || strchr("@\"\\", *p)) {
			return config_fail(
			    at, "characters such as +- expected, not", value);
		}
	}
	return config_set_word(at, c->subaddress, sizeof(c->subaddress), value);
}
