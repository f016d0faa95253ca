/* SPDX-License-Identifier: ISC */
/* Which proof a host owes before it gets mail. */
#include "smtpd/relay/policy.h"

#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/relay/client_private.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* True if the TLSA records of the hop's hosts are asked for. */
static bool
wants_dane(const struct client *c)
{
	const struct hop *hop = c->hop;

	if (hop->unix_socket || c->tls == NULL) {
		return false;
	}
	/* The name of the exchanger must be beyond doubt, too (RFC 7672
	   section 2.2.1). */
	return hop->tls == HOP_TLS_DANE ||
	       (hop->mx && c->hosts.secure && hop->tls != HOP_TLS_MAY);
}

/* The names of which one must be in a certificate by an authority. */
static void
list_names(struct client *c)
{
	const char **names = c->policy.want.names;

	*names++ = c->dane.base;
	if (strcasecmp(c->dane.base, c->policy.host) != 0) {
		*names++ = c->policy.host;
	}
	if (c->hop->mx) {
		*names++ = c->hop->host;
	}
}

/* False: there must be records for the host, and there are none. */
static bool
may_lack_dane(struct client *c)
{
	if (c->hop->tls != HOP_TLS_DANE) {
		return true;
	}
	c->policy.kind = POLICY_DANE;
	policy_note(
	    c, c->dane.state == DANE_TLS ? TLS_RESULT_TLSA : TLS_RESULT_DANE);
	client_set_verdict(c, OUTCOME_DEAD, "4.7.5",
	    "host %s has no signed TLSA records, without which ?tls=dane sends "
	    "it nothing%s",
	    c->policy.host,
	    dns_may_be_secure(c->dns)
		? ""
		: "; and the name servers are not believed (see the key dane)");
	return false;
}

/* Adds what the TLSA records of the host ask for; false: see the verdict. */
static bool
add_dane(struct client *c)
{
	struct policy *p = &c->policy;
	char why[CONFIG_ERROR];

	dane_find(c->dns, p->host, c->hop->port, &c->dane, why);
	switch (c->dane.state) {
	case DANE_NONE:
		return may_lack_dane(c);
	case DANE_TLS:
		p->tls = true;
		p->kind = POLICY_DANE;
		/* Records of which none can be used prove nobody. */
		return may_lack_dane(c);
	case DANE_PROVED:
		p->tls = true;
		p->kind = POLICY_DANE;
		p->name = c->dane.base;
		p->want.proof = TLS_PROOF_DANE;
		p->want.tlsa = &c->dane.tlsa;
		list_names(c);
		return true;
	case DANE_UNKNOWN:
		break;
	}
	p->kind = POLICY_DANE;
	policy_note(c, TLS_RESULT_DNSSEC);
	client_set_verdict(c, OUTCOME_DEAD, "4.7.5",
	    "host %s must not be used: nobody can say whether it has TLSA "
	    "records: %s",
	    p->host, why);
	return false;
}

/* Adds what the MTA-STS policy of the domain asks for, where no TLSA records do
   (RFC 8461 section 2); false: see the verdict. */
static bool
add_sts(struct client *c)
{
	const struct sts *s = &c->sts;
	struct policy *p = &c->policy;

	if (!s->counts || p->kind == POLICY_DANE ||
	    s->policy.mode == STS_NONE) {
		return true;
	}
	if (s->policy.mode == STS_TESTING) {
		p->kind = POLICY_STS_TESTING;
		return true;
	}
	p->tls = true;
	p->kind = POLICY_STS;
	p->want.proof = TLS_PROOF_TRUST;
	if (sts_policy_has(&s->policy, p->host)) {
		return true;
	}
	policy_note(c, TLS_RESULT_OTHER);
	client_set_verdict(c, OUTCOME_DEAD, "4.7.5",
	    "host %s must not be used: the MTA-STS policy of %s does not name "
	    "it",
	    p->host, c->hop->host);
	return false;
}

bool
policy_find(struct client *c, const char *host)
{
	const struct hop *hop = c->hop;
	struct policy *p = &c->policy;

	memset(p, 0, sizeof(*p));
	strlcpy(c->peer.peer, host, sizeof(c->peer.peer));
	strlcpy(p->host, hop->mx ? host : hop->host, sizeof(p->host));
	p->name = p->host;
	p->tls = hop->wrapped || hop->tls >= HOP_TLS_MUST;
	if (hop->tls == HOP_TLS_VERIFY && !hop->mx) {
		p->want.proof = TLS_PROOF_TRUST;
	}
	if (wants_dane(c) && !add_dane(c)) {
		return false;
	}
	if (c->sts.wanted && !add_sts(c)) {
		return false;
	}
	if (hop->mx && hop->tls == HOP_TLS_VERIFY &&
	    p->want.proof == TLS_PROOF_NONE) {
		/* RFC 8689 section 4.2.1. */
		client_set_verdict(c, OUTCOME_FAILED, "5.7.30",
		    "REQUIRETLS support required: nobody vouches for host %s "
		    "as one for %s (DANE, MTA-STS)",
		    host, hop->host);
		return false;
	}
	return true;
}

/* ---- results ---- */

enum tls_result
policy_result(enum tls_fault fault)
{
	static const enum tls_result results[] = {
		[TLS_FAULT_OTHER] = TLS_RESULT_OTHER,
		[TLS_FAULT_HOST] = TLS_RESULT_HOST,
		[TLS_FAULT_EXPIRED] = TLS_RESULT_EXPIRED,
		[TLS_FAULT_TRUST] = TLS_RESULT_TRUST,
	};

	return results[fault];
}

/* What is done with results, by the policy that they are of. */
static const struct {
	const char *word; /* in the log; NULL: it is not there */
	enum tls_policy policy;
	enum stats proved, failed;
} kinds[] = {
	[POLICY_OPEN] = { NULL, TLS_POLICY_NONE, STATS_NO_POLICY_PROVED,
	    STATS_NO_POLICY_FAILED },
	[POLICY_DANE] = { "dane", TLS_POLICY_TLSA, STATS_DANE_PROVED,
	    STATS_DANE_FAILED },
	[POLICY_STS] = { "sts", TLS_POLICY_STS, STATS_STS_PROVED,
	    STATS_STS_FAILED },
	[POLICY_STS_TESTING] = { "sts-testing", TLS_POLICY_STS,
	    STATS_STS_PROVED, STATS_STS_FAILED },
};

static void
count(const struct policy *p, enum tls_result result)
{
	if (result == TLS_RESULT_OK) {
		stats_add(kinds[p->kind].proved, 1);
		return;
	}
	stats_add(kinds[p->kind].failed, 1);
	stats_add(STATS_TLS_STARTTLS + (result - TLS_RESULT_STARTTLS), 1);
}

/* True if it is about the domain's own servers, and about a policy of its
   owner.  TLS-Required: No is for mail that does not depend on TLS, such as
   reports on TLS. */
static bool
is_owners(const struct client *c)
{
	return c->hop->mx && c->hop->tls != HOP_TLS_NEVER &&
	       c->hop->tls != HOP_TLS_MAY;
}

static void
add_tlsa(struct tls_note *n, const struct tlsa_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa *r = &set->records[i];
		char text[TLS_NOTE_TEXT];
		size_t at = (size_t)snprintf(text, sizeof(text), "%u %u %u ",
		    r->usage, r->selector, r->matching);
		/* The same as in a zone file; a whole certificate is left
		   out. */
		if (r->len > (sizeof(text) - at - 1) / 2) {
			continue;
		}
		for (size_t k = 0; k < r->len; k++, at += 2) {
			snprintf(text + at, 3, "%02x", set->octets[r->at + k]);
		}
		tls_note_add(n, text);
	}
}

static void
add_policy(struct tls_note *n, const struct sts_policy *p)
{
	char text[TLS_NOTE_TEXT];

	tls_note_add(n, "version: STSv1");
	tls_note_add(
	    n, p->mode == STS_ENFORCE ? "mode: enforce" : "mode: testing");
	for (size_t i = 0; i < p->count; i++) {
		if (p->hosts[i].len < ASK_NAME) {
			snprintf(text, sizeof(text), "mx: %.*s",
			    (int)p->hosts[i].len, p->hosts[i].at);
			tls_note_add(n, text);
		}
	}
	snprintf(text, sizeof(text), "max_age: %" PRIu32, p->max_age);
	tls_note_add(n, text);
}

static void
add_address(const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN])
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .any = *address };
	bool v6 = a.any.ss_family == AF_INET6;

	if (inet_ntop(a.any.ss_family,
		v6 ? (const void *)&a.v6.sin6_addr
		   : (const void *)&a.v4.sin_addr,
		text, INET6_ADDRSTRLEN) == NULL) {
		text[0] = '\0';
	}
}

/* Both ends of the connection, if there is one. */
static void
add_addresses(const struct client *c, struct tls_note *n)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} ours;
	socklen_t len = sizeof(ours);

	if (c->stream == NULL ||
	    getsockname(c->peer.fd, &ours.any, &len) == -1) {
		return;
	}
	add_address(&c->peer.address.address, n->address);
	add_address(&ours.room, n->source);
}

static void
send_note(
    const struct client *c, const struct policy *p, enum tls_result result)
{
	struct tls_note n = { .policy = kinds[p->kind].policy,
		.result = result };
	const char *domain = p->kind != POLICY_DANE          ? c->hop->host
	                     : c->dane.state == DANE_UNKNOWN ? p->host
	                                                     : c->dane.base;

	if (p->kind == POLICY_DANE) {
		add_tlsa(&n, &c->dane.tlsa);
	} else if (p->kind != POLICY_OPEN && c->sts.counts) {
		add_policy(&n, &c->sts.policy);
	}
	add_addresses(c, &n);
	if (ask_name(domain, strlen(domain), n.domain) &&
	    (p->host[0] == '\0' ||
		ask_name(p->host, strlen(p->host), n.host)) &&
	    tls_note_valid(&n)) {
		agent_send_note(c->channel, &n);
	}
}

void
policy_note(const struct client *c, enum tls_result result)
{
	const struct policy *p = &c->policy;

	if (kinds[p->kind].word != NULL) {
		log_info("tls-policy domain=%s policy=%s host=%s result=%s",
		    c->hop->host, kinds[p->kind].word, c->peer.peer,
		    tls_result_words[result]);
	}
	if (kinds[p->kind].word != NULL || is_owners(c)) {
		count(p, result);
	}
	if (c->config->reports && is_owners(c)) {
		send_note(c, p, result);
	}
}

void
policy_note_missing(const struct client *c, enum tls_result result)
{
	const struct policy none = { .kind = POLICY_STS };

	stats_add(STATS_TLS_STARTTLS + (result - TLS_RESULT_STARTTLS), 1);
	if (c->config->reports && is_owners(c)) {
		send_note(c, &none, result);
	}
}
