/* SPDX-License-Identifier: ISC */
/* Decides which addresses a user may send from. */
#include "smtpd/session/sender.h"

#include "smtpd/session/authors.h"
#include "smtpd/session/rcpt_policy.h"

#include <string.h>
#include <strings.h>

/* Aliases that are looked at for one address: a list may be long. */
enum { MOST_LOOKUPS = 1000, DEEPEST = 10 };

struct search {
	const struct session *session;
	unsigned lookups;
};

/* ---- the key "sender" ---- */

static bool
is_listed(const char *list, const char *address)
{
	const char *at = strrchr(address, '@');

	while (*list != '\0') {
		size_t n = strcspn(list, " \t");
		const char *wanted = *list == '@' ? at : address;
		if (wanted != NULL && strlen(wanted) == n &&
		    strncasecmp(list, wanted, n) == 0) {
			return true;
		}
		list += n + strspn(list + n, " \t");
	}
	return false;
}

/* True if a line is for the account; that of "trust" may be a network. */
static bool
is_own(const struct session *s, const char *name)
{
	const char *account = session_account(s);
	char user[USER_NAME + 1];

	return strcasecmp(name, account) == 0 ||
	       (user_name(s->connection->config, name, user) &&
		   strcmp(user, account) == 0);
}

static bool
is_granted(const struct session *s, const struct address *a)
{
	const struct config *config = s->connection->config;
	char text[ADDRESS_TEXT];

	address_text(a, text, sizeof(text));
	for (size_t i = 0; i < config->nsenders; i++) {
		const struct config_rule *rule = &config->senders[i];
		if (is_own(s, rule->pattern) && is_listed(rule->value, text)) {
			return true;
		}
	}
	return false;
}

/* ---- addresses of ours ---- */

static bool leads_to_user(struct search *, const struct address *, int depth);

/* True if one of an alias's targets leads to the user. */
static bool
targets_lead(struct search *x, const struct alias *alias, int depth)
{
	const struct config *config = x->session->connection->config;
	struct address a;
	const char *rest;

	for (const char *t = alias->targets; *t != '\0'; t = alias_next(t)) {
		const char *text = *t == '\\' ? t + 1 : t;
		if (x->lookups >= MOST_LOOKUPS) {
			return false;
		}
		if (strchr("|/:", *text) == NULL &&
		    address_path(text, &a, &rest) == PATH_OK && *rest == '\0' &&
		    (a.domain[0] == '\0' || config_is_ours(config, a.domain)) &&
		    leads_to_user(x, &a, depth + 1)) {
			return true;
		}
	}
	return false;
}

/* True if it is the name of the user who has logged in. */
static bool
is_user(const struct session *s, const char *local, const char *domain)
{
	const struct config *config = s->connection->config;
	char user[USER_NAME + 1];

	return !config_is_virtual(config, domain) &&
	       user_name(config, local, user) &&
	       strcmp(user, session_account(s)) == 0;
}

/*
 * Aliases come before users, so that bob's mail may go to alice; and yet bob
 * is bob.
 */
static bool
is_another(const struct session *s, const char *alias)
{
	const struct config *config = s->connection->config;
	const char *at = strrchr(alias, '@');
	char user[USER_NAME + 1];

	return (at == NULL || !config_is_virtual(config, at + 1)) &&
	       user_name(config, alias, user) &&
	       names_listed(s->connection->names, user) &&
	       strcmp(user, session_account(s)) != 0;
}

static bool
leads_to_user(struct search *x, const struct address *a, int depth)
{
	const struct session *s = x->session;
	char local[ADDRESS_PATH + 1];
	struct resolved r;

	x->lookups++;
	if (depth > DEEPEST ||
	    !address_unquote(a->local, local, sizeof(local)) ||
	    strchr(local, '@') != NULL) {
		return false;
	}
	if (is_user(s, local, a->domain)) {
		return true;
	}
	if (rcpt_policy_resolve(s, a, &r) != RCPT_OK) {
		return false;
	}
	switch (r.kind) {
	case RESOLVED_USER:
	case RESOLVED_ASK:
		return strcmp(r.user, session_account(s)) == 0;
	case RESOLVED_ALIAS:
		return !is_another(s, r.alias.name) &&
		       targets_lead(x, &r.alias, depth);
	case RESOLVED_NONE:
		break;
	}
	return false;
}

bool
sender_allowed(const struct session *s, const struct address *a)
{
	const struct config *config = s->connection->config;
	struct search x = { .session = s };

	if (config->sender_check == SENDER_OFF ||
	    session_account(s)[0] == '\0' || address_is_null(a) ||
	    is_granted(s, a)) {
		return true;
	}
	if (a->domain[0] != '\0' && !config_is_ours(config, a->domain)) {
		return config->sender_check == SENDER_DOMAIN;
	}
	return leads_to_user(&x, a, 0);
}

/* ---- the header section ---- */

/* What cannot be read might be read as anybody elsewhere. */
static bool
author_allowed(void *context, const struct address *author)
{
	return author != NULL && sender_allowed(context, author);
}

bool
sender_header_checked(const struct session *s)
{
	const struct config *config = s->connection->config;

	return config->sender_check != SENDER_OFF &&
	       config->sender_check_header && session_account(s)[0] != '\0';
}

bool
sender_header_allowed(const struct session *s, const char *text, size_t len)
{
	return !sender_header_checked(s) ||
	       authors_each(text, len, author_allowed, (void *)(uintptr_t)s);
}
