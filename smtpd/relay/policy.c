/* SPDX-License-Identifier: ISC */
/* Which proof a host owes before it gets mail. */
#include "smtpd/relay/policy.h"

#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/relay/client_private.h"

#include <string.h>
#include <strings.h>

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
		p->tls = p->dane = true;
		/* Records of which none can be used prove nobody. */
		return may_lack_dane(c);
	case DANE_PROVED:
		p->tls = p->dane = true;
		p->name = c->dane.base;
		p->want.proof = TLS_PROOF_DANE;
		p->want.tlsa = &c->dane.tlsa;
		list_names(c);
		return true;
	case DANE_UNKNOWN:
		break;
	}
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

	if (!s->counts || p->dane || s->policy.mode == STS_NONE) {
		return true;
	}
	if (s->policy.mode == STS_TESTING) {
		p->testing = true;
		return true;
	}
	p->sts = p->tls = true;
	p->want.proof = TLS_PROOF_TRUST;
	if (sts_policy_has(&s->policy, p->host)) {
		return true;
	}
	policy_note(c, policy_fault(TLS_FAULT_OTHER));
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

const char *
policy_fault(enum tls_fault fault)
{
	static const char *const faults[] = {
		[TLS_FAULT_OTHER] = "validation-failure",
		[TLS_FAULT_HOST] = "certificate-host-mismatch",
		[TLS_FAULT_EXPIRED] = "certificate-expired",
		[TLS_FAULT_TRUST] = "certificate-not-trusted",
	};

	return faults[fault];
}

void
policy_note(const struct client *c, const char *fault)
{
	const struct policy *p = &c->policy;

	if (!p->dane && !p->sts && !p->testing) {
		return;
	}
	if (p->dane) {
		stats_add(
		    fault == NULL ? STATS_DANE_PROVED : STATS_DANE_FAILED, 1);
	} else {
		stats_add(
		    fault == NULL ? STATS_STS_PROVED : STATS_STS_FAILED, 1);
	}
	log_info("tls-policy domain=%s policy=%s host=%s result=%s",
	    c->hop->host,
	    p->dane  ? "dane"
	    : p->sts ? "sts"
		     : "sts-testing",
	    c->peer.peer, fault == NULL ? "ok" : fault);
}
