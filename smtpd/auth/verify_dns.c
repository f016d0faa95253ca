/* SPDX-License-Identifier: ISC */
/* The machines of common/auth, with the DNS that they ask. */
#include "smtpd/auth/verify_private.h"

#include "common/io/deadline.h"
#include "common/text/network.h"

#include <string.h>
#include <time.h>

/* ---- questions ---- */

void
verify_ask(struct verification *v, const struct ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		dns_ask_make(&asks[i], &v->lookups[i]);
	}
	if (v->dns != NULL && deadline_now() < v->deadline) {
		dns_look_up(v->dns, v->lookups, n, v->deadline);
	}
	for (size_t i = 0; i < n; i++) {
		dns_ask_read(&v->lookups[i], &v->records[i]);
	}
}

/* ---- the client's name (RFC 8601 section 2.7.3) ---- */

/* True if one of the answers, of n names, has the client's address. */
static bool
leads_back(struct verification *v, const struct ask *asks, size_t n,
    const uint8_t address[16], bool *trouble)
{
	bool v4 = network_is_v4(address);
	struct span client = { (const char *)address + (v4 ? 12 : 0),
		v4 ? 4 : 16 };

	verify_ask(v, asks, n);
	for (size_t i = 0; i < n; i++) {
		const struct ask_answer *a = &v->records[i].answer;
		*trouble = *trouble || a->status == ASK_FAILED;
		for (size_t k = 0; k < a->n; k++) {
			if (a->record[k].len == client.len &&
			    memcmp(a->record[k].at, client.at, client.len) ==
				0) {
				memcpy(v->host, asks[i].name, ASK_NAME);
				return true;
			}
		}
	}
	return false;
}

void
verify_reverse(struct verification *v)
{
	struct ask asks[DNS_LOOKUPS] = { { .type = ASK_PTR } };
	const struct ask_answer *a = &v->records[0].answer;
	uint8_t address[16];
	bool trouble = false;
	size_t n = 0;

	if (!network_address(v->peer->address, address)) {
		return;
	}
	ask_reverse(address, asks[0].name);
	verify_ask(v, asks, 1);
	if (a->status != ASK_OK) {
		v->reverse = a->status == ASK_FAILED ? "temperror" : NULL;
		return;
	}
	for (size_t i = 0; i < a->n && n < DNS_LOOKUPS; i++) {
		if (ask_name(a->record[i].at, a->record[i].len, asks[n].name)) {
			asks[n++].type =
			    network_is_v4(address) ? ASK_A : ASK_AAAA;
		}
	}
	v->reverse = leads_back(v, asks, n, address, &trouble) ? "pass"
	             : trouble                                 ? "temperror"
	                                                       : "fail";
}

/* ---- SPF ---- */

static void
run_spf(struct verification *v, const char *sender, struct verify_spf *out)
{
	struct spf_question q = { .helo = v->question.helo,
		.sender = sender,
		.receiver = v->config->hostname,
		.time = (uint64_t)time(NULL) };

	if (!network_address(v->peer->address, q.address)) {
		return;
	}
	for (bool asks = spf_begin(&v->spf, &q); asks;
	     asks = spf_answer(&v->spf, &v->records[0].answer)) {
		verify_ask(v, &v->spf.ask, 1);
	}
	out->result = v->spf.result;
	memcpy(out->domain, v->spf.origin, sizeof(out->domain));
	memcpy(out->reason, v->spf.reason, sizeof(out->reason));
}

/* True if the domain has no MX, or a null MX (RFC 7505). */
static bool
takes_no_mail(struct verification *v, const char *domain)
{
	const struct ask_answer *a = &v->records[0].answer;
	struct ask ask = { .type = ASK_MX };

	memcpy(ask.name, domain, ASK_NAME);
	verify_ask(v, &ask, 1);
	return a->status == ASK_NO_DATA ||
	       (a->status == ASK_OK && a->n == 1 && a->record[0].len == 0);
}

void
verify_spf(struct verification *v)
{
	run_spf(v, v->question.sender, &v->sender);
	if (v->question.sender[0] == '\0') {
		return; /* that was the HELO name */
	}
	v->no_mail = v->sender.result == SPF_FAIL && spf_denies_all(&v->spf) &&
	             takes_no_mail(v, v->sender.domain);
	run_spf(v, "", &v->helo);
}

/* ---- DKIM ---- */

enum dkim_lookup
verify_lookup(enum ask_status status)
{
	static const enum dkim_lookup statuses[] = { [ASK_OK] = DKIM_LOOKUP_OK,
		[ASK_NO_DATA] = DKIM_LOOKUP_NONE,
		[ASK_NO_NAME] = DKIM_LOOKUP_NONE,
		[ASK_FAILED] = DKIM_LOOKUP_TEMPORARY };

	return statuses[status];
}

void
verify_keys(struct verification *v)
{
	struct ask asks[DNS_LOOKUPS];
	size_t which[DNS_LOOKUPS], n = 0;
	char name[DKIM_QUESTION];

	_Static_assert(DNS_LOOKUPS >= (int)DKIM_MOST, "all keys at once");
	for (size_t i = 0; i < dkim_count(v->dkim); i++) {
		if (dkim_question(v->dkim, i, name) &&
		    ask_name(name, strlen(name), asks[n].name)) {
			asks[n].type = ASK_TXT;
			which[n++] = i;
		}
	}
	if (n > 0) {
		verify_ask(v, asks, n);
	}
	for (size_t i = 0; i < n; i++) {
		const struct ask_answer *a = &v->records[i].answer;
		dkim_answer(v->dkim, which[i], verify_lookup(a->status),
		    a->record, a->n);
	}
}

/* ---- DMARC ---- */

static void
add_identifier(struct dmarc *d, const char *domain, bool dkim, bool trouble)
{
	struct dmarc_identifier *id = &d->identifier[d->identifiers];

	if (d->identifiers < DMARC_IDENTIFIERS &&
	    ask_name(domain, strlen(domain), id->domain)) {
		id->dkim = dkim;
		id->trouble = trouble;
		d->identifiers++;
	}
}

static void
add_identifiers(struct verification *v)
{
	struct dkim_report r;

	if (v->sender.result == SPF_PASS || v->sender.result == SPF_TEMPERROR) {
		add_identifier(&v->dmarc, v->sender.domain, false,
		    v->sender.result == SPF_TEMPERROR);
	}
	for (size_t i = 0; i < dkim_count(v->dkim); i++) {
		dkim_report(v->dkim, i, &r);
		if (r.result == DKIM_PASS || r.result == DKIM_TEMPERROR) {
			add_identifier(&v->dmarc, r.domain, true,
			    r.result == DKIM_TEMPERROR);
		}
	}
}

/* True if somebody whom dmarc-exempt names is authenticated; or could be, which
   nobody can say. */
static bool
is_exempt(const struct verification *v, bool trouble)
{
	for (size_t i = 0; i < v->dmarc.identifiers; i++) {
		const struct dmarc_identifier *id = &v->dmarc.identifier[i];
		for (size_t k = 0; k < v->config->ndmarc_exempt; k++) {
			const char *exempt = v->config->dmarc_exempt[k];
			char name[ASK_NAME];
			if (id->trouble == trouble &&
			    ask_name(exempt, strlen(exempt), name) &&
			    ask_is_below(id->domain, name)) {
				return true;
			}
		}
	}
	return false;
}

/* True if that is worse than what there was for another author. */
static bool
is_worse(const struct dmarc *d, const struct verification *v)
{
	static const unsigned ranks[] = { [DMARC_PASS] = 0,
		[DMARC_NONE] = 1,
		[DMARC_TEMPERROR] = 2,
		[DMARC_FAIL] = 3 };

	return ranks[d->result] > ranks[v->result] ||
	       (d->result == DMARC_FAIL && v->result == DMARC_FAIL &&
		   d->apply > v->apply);
}

/* Why the domain's wish does not count; NULL: it does.  What nobody can say
   keeps no mail out. */
static const char *
exception(const struct verification *v)
{
	const struct dmarc *d = &v->dmarc;

	if (d->list_vouched) {
		return "the list is authenticated";
	}
	if (is_exempt(v, false)) {
		return "dmarc-exempt";
	}
	return d->list_trouble || is_exempt(v, true) ||
	               (d->result == DMARC_FAIL && verify_chain_may_vouch(v))
	           ? "nobody can say now if it is an exception"
	           : NULL;
}

/* Evaluates the policy of one domain, and keeps it if it is the strictest. */
static void
run_dmarc(struct verification *v, const char *author)
{
	struct dmarc *d = &v->dmarc;
	struct ask asks[DMARC_STEPS];
	size_t n;

	dmarc_begin(d, author);
	memcpy(d->list, v->author.list, sizeof(d->list));
	add_identifiers(v);
	while ((n = dmarc_next(d, asks)) > 0) {
		verify_ask(v, asks, n);
		for (size_t i = 0; i < n; i++) {
			dmarc_answer(d, asks[i].name, &v->records[i].answer);
		}
	}
	bool vouched = d->result == DMARC_FAIL && verify_chain_vouches(v);
	if (vouched) {
		d->apply = DMARC_NO_POLICY;
	}
	if (v->from[0] != '\0' && !is_worse(d, v)) {
		return;
	}
	v->result = d->result;
	v->vouched = vouched;
	v->published = d->published;
	v->apply = d->result == DMARC_FAIL ? d->apply : DMARC_NO_POLICY;
	memcpy(v->policy_domain, d->policy_domain, sizeof(v->policy_domain));
	memcpy(v->from, author, sizeof(v->from));
	v->spared = exception(v);
}

/* What stands for the reason of a refusal; VERIFY_ACCEPT: there is none. */
static enum verify_outcome
reason_to_refuse(const struct verification *v)
{
	return v->no_author               ? VERIFY_AUTHOR
	       : v->apply == DMARC_REJECT ? VERIFY_POLICY
	       : v->no_mail && v->result != DMARC_PASS &&
	               v->result != DMARC_TEMPERROR && !v->vouched
	           ? VERIFY_SENDER
	           : VERIFY_ACCEPT;
}

/* What is done about it. */
static void
decide(struct verification *v)
{
	enum verify_outcome reason = reason_to_refuse(v);
	bool spared = v->question.spared != VERIFY_SPARED_NOT;

	if (v->question.spared == VERIFY_SPARED_ACCESS) {
		v->spared = "accepted by a rule of access";
		return;
	}
	if (spared) {
		v->spared = "for the postmaster";
	} else if (reason != VERIFY_AUTHOR) {
		spared = v->spared != NULL;
	}
	if (reason != VERIFY_ACCEPT && v->config->dmarc == DMARC_ENFORCE &&
	    !spared) {
		v->outcome = reason;
		return;
	}
	v->marked = reason != VERIFY_ACCEPT || v->apply == DMARC_QUARANTINE;
}

void
verify_policy(struct verification *v)
{
	if (v->config->dmarc == DMARC_OFF) {
		return;
	}
	v->no_author = !author_is_named(&v->author);
	/* One author's silence must not keep the others from being heard. */
	int64_t end = v->deadline;
	for (size_t i = 0; i < v->author.count && !v->no_author; i++) {
		int64_t now = deadline_now();
		v->deadline =
		    now + (end - now) / (int64_t)(v->author.count - i);
		run_dmarc(v, v->author.domain[i]);
	}
	v->deadline = end;
	if (v->author.later && v->result != DMARC_FAIL) {
		v->result = DMARC_TEMPERROR; /* nobody can say of one of them */
	}
	/* Of several authors readers see one: each must be vouched for.  RFC
	   9989 section 11.5 leaves it to us if such a message is taken at all.
	 */
	if (v->author.named > 1 && !v->vouched && v->apply != DMARC_REJECT &&
	    (v->result == DMARC_NONE || v->result == DMARC_FAIL)) {
		v->no_author = true;
	}
	decide(v);
}
