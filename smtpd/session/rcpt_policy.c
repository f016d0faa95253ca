/* SPDX-License-Identifier: ISC */
/*
 * Decides about recipients here.  The server's names and aliases, which the
 * session has inherited, answer most; a worker is asked the rest, all at once.
 */
#include "smtpd/session/rcpt_policy.h"

#include "common/auth/srs.h"
#include "smtpd/route/route.h"
#include "smtpd/route/target.h"
#include "smtpd/session/exempt.h"
#include "smtpd/session/next_hop.h"
#include "smtpd/session/session.h"

#include <string.h>
#include <strings.h>

/* True if dnsbl and greylist apply to this client and this recipient. */
static bool
applies(const struct session *s, const struct address *rcpt)
{
	return !s->policy.accepted &&
	       strcasecmp(rcpt->local, "postmaster") != 0 &&
	       strcasecmp(rcpt->local, "mailer-daemon") != 0 &&
	       !exempt_client(s);
}

bool
rcpt_policy_listed(struct session *s, const struct address *rcpt)
{
	const struct connection *c = s->connection;
	struct rcpt_policy *p = &s->policy;

	if (c->config->ndnsbl == 0 || !applies(s, rcpt)) {
		return false;
	}
	if (!p->asked) {
		p->asked = true;
		p->listed = channel_ask(c->channel, REQUEST_DNSBL, NULL, 0,
				&p->answer, sizeof(p->answer)) == STATUS_OK &&
		            p->answer.list < c->config->ndnsbl;
		p->answer.text[DNSBL_TEXT - 1] = '\0';
	}
	return p->listed;
}

/* ---- the request ---- */

/* Asks a worker; without an answer only what is no user's is let through. */
static enum rcpt_result
ask_worker(const struct session *s, const struct rcpt_question *q,
    struct resolved *r, bool *greylist_failed)
{
	struct rcpt_answer a;

	*greylist_failed = true;
	if (channel_ask(s->connection->channel, REQUEST_RCPT, q, sizeof(*q), &a,
		sizeof(a)) != STATUS_OK) {
		return (q->ask & (RCPT_LOOKUP | RCPT_REPORT)) != 0
		           ? RCPT_TEMPORARY
		           : RCPT_OK;
	}
	*greylist_failed = a.greylist_failed != 0;
	if ((q->ask & RCPT_LOOKUP) != 0 && a.found == RCPT_FOUND_WHOLE) {
		strlcpy(r->user, r->whole, sizeof(r->user));
	}
	if ((q->ask & (RCPT_LOOKUP | RCPT_REPORT)) != 0 &&
	    a.result != RCPT_NO) {
		r->kind = a.found == RCPT_FOUND_ALIAS ? RESOLVED_ALIAS
		                                      : RESOLVED_USER;
	}
	return (enum rcpt_result)a.result;
}

/* Looks the address up here, and begins what a worker is asked. */
static enum rcpt_result
resolve(const struct session *s, const struct address *a, struct resolved *r,
    struct rcpt_question *q)
{
	const struct connection *c = s->connection;

	memset(q, 0, sizeof(*q));
	aliases_resolve(c->aliases, c->config, c->names, a, r);
	if (r->kind == RESOLVED_USER || r->kind == RESOLVED_ASK) {
		strlcpy(q->user, r->user, sizeof(q->user));
	}
	if (r->kind == RESOLVED_ASK) {
		strlcpy(q->whole, r->whole, sizeof(q->whole));
		q->ask = RCPT_LOOKUP;
		q->ask |= r->alias.kind == ALIAS_LIST ? RCPT_OR_ALIAS : 0;
	}
	return r->kind == RESOLVED_NONE ? RCPT_NO : RCPT_OK;
}

/* One that is no user may be an alias that tells of another address. */
static enum rcpt_result
or_alias(enum rcpt_result result, struct resolved *r)
{
	if (result == RCPT_NO && r->alias.kind != ALIAS_NONE) {
		r->kind = RESOLVED_ALIAS;
		return RCPT_OK;
	}
	return result;
}

enum rcpt_result
rcpt_policy_resolve(
    const struct session *s, const struct address *a, struct resolved *r)
{
	struct rcpt_question q;
	bool failed;

	enum rcpt_result result = resolve(s, a, r, &q);
	if (result == RCPT_OK && q.ask != 0) {
		result = or_alias(ask_worker(s, &q, r, &failed), r);
	}
	if (result == RCPT_NO && route_is_asked(s->connection->config, a, r)) {
		r->kind = RESOLVED_NONE;
		return RCPT_OK;
	}
	return result;
}

/* ---- aliases of nobody ---- */

enum { DEEPEST = 10, MOST_LOOKUPS = 50 };

static bool ends_nowhere(
    const struct session *, const struct alias *, int depth, int *lookups);

/* True if "\user" is surely nobody. */
static bool
is_no_mailbox(const struct session *s, const char *text)
{
	const struct connection *c = s->connection;
	char user[USER_NAME + 1];

	return strchr(text, '@') == NULL && !names_open(c->names) &&
	       !(user_name(c->config, text, user) &&
		   names_have(c->names, user));
}

/* True if a target is surely no user here, nor anything else. */
static bool
is_nobody(const struct session *s, const char *target, int depth, int *lookups)
{
	const struct config *config = s->connection->config;
	struct target_parsed t;
	struct resolved r;

	switch (target_parse(target, &t)) {
	case MEANS_ADDRESS:
		break;
	case MEANS_MAILBOX:
		return is_no_mailbox(s, t.text);
	case MEANS_PIPE:
	case MEANS_FILE:
	case MEANS_INCLUDE:
	case MEANS_NOTHING:
		return false;
	}
	if ((*lookups)++ >= MOST_LOOKUPS ||
	    (t.address.domain[0] != '\0' &&
		!config_is_ours(config, t.address.domain))) {
		return false;
	}
	enum rcpt_result result = rcpt_policy_resolve(s, &t.address, &r);
	if (result == RCPT_OK && r.kind == RESOLVED_ALIAS) {
		return ends_nowhere(s, &r.alias, depth + 1, lookups);
	}
	return result == RCPT_NO;
}

/*
 * True if an alias leads to nobody: what it gets could only be returned, and
 * its sender may be forged.
 */
static bool
ends_nowhere(
    const struct session *s, const struct alias *alias, int depth, int *lookups)
{
	if (alias->kind == ALIAS_MOVED) {
		return true; /* nobody is told the new address further down */
	}
	if (depth > DEEPEST || alias->targets[0] == '\0') {
		return false; /* a mistake, and mail waits until it is mended */
	}
	for (const char *t = alias->targets; *t != '\0'; t = alias_next(t)) {
		if (!is_nobody(s, t, depth, lookups)) {
			return false;
		}
	}
	return true;
}

/* True for such an alias, unless the sender is told where its user is now. */
static bool
is_dead_alias(const struct session *s, const struct resolved *r)
{
	int lookups = 0;

	return r->kind == RESOLVED_ALIAS && r->alias.kind != ALIAS_MOVED &&
	       ends_nowhere(s, &r->alias, 0, &lookups);
}

/* ---- all of it ---- */

/* True if a quota may keep a message out, by what is known here. */
static bool
has_quota(const struct session *s, const struct resolved *r)
{
	const struct connection *c = s->connection;

	/* Mail from this machine's programs is left to the queue: most of them
	   would lose it. */
	return c->role != ROLE_LOCAL &&
	       (r->kind == RESOLVED_ASK ||
		   (r->kind == RESOLVED_USER &&
		       limits_of(&c->config->quota, r->user) != 0));
}

/*
 * Has a worker asked whether the address is a sender of mail that we have
 * forwarded.  False: it does not look like one.
 */
static bool
may_be_report(
    const struct session *s, const struct address *a, struct rcpt_question *q)
{
	char text[ADDRESS_TEXT];

	address_text(a, text, sizeof(text));
	if (!srs_is_rewritten(text)) {
		return false;
	}
	if (s->mail.sender[0] == '\0') {
		q->ask |= RCPT_REPORT;
		strlcpy(q->rcpt, text, sizeof(q->rcpt));
	}
	return true;
}

/* Has a worker asked whether the client may send that mail now. */
static void
may_wait(
    const struct session *s, const struct address *a, struct rcpt_question *q)
{
	if (s->connection->config->greylist != 0 &&
	    !s->policy.greylist_failed && applies(s, a)) {
		q->ask |= RCPT_GREYLIST;
		strlcpy(q->sender, s->mail.sender, sizeof(q->sender));
		address_text(a, q->rcpt, sizeof(q->rcpt));
	}
}

/* Asks a worker all that there is to be asked. */
static enum rcpt_result
ask_rest(struct session *s, const struct rcpt_question *q, struct resolved *r)
{
	struct rcpt_policy *p = &s->policy;
	bool failed;

	if (q->ask == 0) {
		return RCPT_OK;
	}
	enum rcpt_result result = ask_worker(s, q, r, &failed);
	p->greylist_failed =
	    p->greylist_failed || ((q->ask & RCPT_GREYLIST) != 0 && failed);
	return or_alias(result, r);
}

/* What there is at the next hop, and here nothing but its name may be. */
static enum rcpt_result
check_handed_on(struct session *s, const struct address *a, struct resolved *r)
{
	struct rcpt_question q = { .ask = 0 };
	struct next_hop_question next;
	enum rcpt_result result = RCPT_OK;

	if (next_hop_question(s, a, r, &next)) {
		result = next_hop_ask(s, r, &next, &s->policy.said);
	}
	may_wait(s, a, &q);
	return result == RCPT_OK ? ask_rest(s, &q, r) : result;
}

enum rcpt_result
rcpt_policy_check(
    struct session *s, const struct address *a, struct resolved *r)
{
	struct rcpt_question q;
	struct next_hop_question next;

	enum rcpt_result found = resolve(s, a, r, &q);
	if (route_is_asked(s->connection->config, a, r)) {
		return check_handed_on(s, a, r);
	}
	bool report = (found != RCPT_OK || r->kind == RESOLVED_ASK) &&
	              may_be_report(s, a, &q);
	const enum rcpt_result no =
	    report && s->mail.sender[0] != '\0' ? RCPT_NO_REPORT : RCPT_NO;
	if (found != RCPT_OK && (q.ask & RCPT_REPORT) == 0) {
		return no;
	}
	if (is_dead_alias(s, r)) {
		return RCPT_NO;
	}
	if (r->kind == RESOLVED_ALIAS && r->alias.kind != ALIAS_LIST) {
		return RCPT_OK;
	}
	q.ask |= has_quota(s, r) ? RCPT_QUOTA : 0;
	q.size = s->mail.size;
	may_wait(s, a, &q);
	enum rcpt_result result = ask_rest(s, &q, r);
	if (result == RCPT_OK && (q.ask & RCPT_LOOKUP) != 0 &&
	    is_dead_alias(s, r)) {
		return RCPT_NO;
	}
	if (result == RCPT_OK && next_hop_question(s, a, r, &next)) {
		result = next_hop_ask(s, r, &next, &s->policy.said);
	}
	return result == RCPT_NO ? no : result;
}
