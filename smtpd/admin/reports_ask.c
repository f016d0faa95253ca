/* SPDX-License-Identifier: ISC */
/*
 * Who wants reports about domains: many are asked at a time, so that those
 * whose name servers are silent cost the others nothing.
 */
#include "smtpd/admin/reports_ask.h"

#include "common/auth/rua.h"
#include "common/auth/tags.h"
#include "common/auth/tlsrpt.h"
#include "common/io/deadline.h"
#include "common/text/address.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- rua= ---- */

bool
report_address(struct span *rest, char to[OUTBOX_ADDRESS])
{
	static const char scheme[] = "mailto:";
	const size_t skip = sizeof(scheme) - 1;
	struct span uri;

	while (rua_next(rest, &uri)) {
		if (uri.len <= skip || strncasecmp(uri.at, scheme, skip) != 0) {
			continue;
		}
		/* A size may follow, which nobody keeps to any more. */
		struct span address = { uri.at + skip, 0 };
		while (skip + address.len < uri.len &&
		       address.at[address.len] != '!' &&
		       !is_space(address.at[address.len])) {
			address.len++;
		}
		if (rua_address(address, to, OUTBOX_ADDRESS)) {
			return true;
		}
	}
	return false;
}

/* ---- questions ---- */

/* Begins a question for the next round; false: there is no such name. */
static bool
ask(struct inquiries *q, size_t i, const char *name)
{
	struct dns_lookup *l = &q->lookups[q->nlookups];

	if (strlcpy(l->name, name, sizeof(l->name)) >= sizeof(l->name)) {
		return false;
	}
	l->type = ns_t_txt;
	q->of[q->nlookups++] = i;
	return true;
}

/* Asks them all, and has each answer looked at. */
static void
ask_all(struct inquiries *q,
    void (*take)(struct inquiry *, const struct dns_texts *))
{
	dns_look_up(
	    q->dns, q->lookups, q->nlookups, deadline_now() + q->patience);
	for (size_t k = 0; k < q->nlookups; k++) {
		const struct dns_lookup *l = &q->lookups[k];
		struct inquiry *i = &q->all[q->of[k]];
		enum dns_status status =
		    l->len == 0 ? DNS_TEMPORARY
				: dns_parse_texts(l->answer, l->len, &q->texts);
		i->silent = i->silent || status == DNS_TEMPORARY;
		if (status == DNS_OK) {
			take(i, &q->texts);
		}
	}
	q->nlookups = 0;
}

/* The one record of a policy among them; NULL: there is none. */
static const char *
find_policy(const struct dns_texts *texts, struct dmarc_record *policy)
{
	const char *text = NULL;
	struct dmarc_record r;
	size_t found = 0;

	for (size_t i = 0; i < texts->count; i++) {
		struct span s = { texts->all[i].octets, texts->all[i].len };
		if (strlen(s.at) == s.len && dmarc_record_read(s, &r)) {
			*policy = r;
			text = s.at;
			found++;
		}
	}
	return found == 1 ? text : NULL;
}

/* ---- the policy of a domain ---- */

static void
take_policy(struct inquiry *i, const struct dns_texts *texts)
{
	const char *text = find_policy(texts, &i->policy);
	struct span rua;

	if (text == NULL || !tags_find(text, strlen(text), "rua", &rua)) {
		return;
	}
	while (i->count < INQUIRY_ADDRESSES &&
	       report_address(&rua, i->to[i->count])) {
		i->count++;
	}
}

/* ---- the receivers of reports on TLS, which need no consent ---- */

static void
take_receivers(struct inquiry *i, const struct dns_texts *texts)
{
	struct tlsrpt_uri uri;
	struct span rua = { NULL, 0 };
	size_t found = 0;

	for (size_t k = 0; k < texts->count; k++) {
		struct span s = { texts->all[k].octets, texts->all[k].len };
		if (tlsrpt_record_is(s)) {
			found++;
			if (!tlsrpt_record_read(s, &rua)) {
				return;
			}
		}
	}
	/* Several are as good as none (RFC 8460 section 3). */
	while (found == 1 && i->receivers < INQUIRY_RECEIVERS &&
	       tlsrpt_uri_next(&rua, &uri)) {
		strlcpy(i->to[i->count], uri.text, OUTBOX_ADDRESS);
		i->receiver[i->receivers++] = i->to[i->count++];
	}
}

/* ---- who may get reports about it ---- */

/* The host of the address in hand; false: it is no name. */
static bool
host_of(const struct inquiry *i, char host[ASK_NAME])
{
	const char *at = strchr(i->to[i->at], '@') + 1;

	return ask_name(at, strlen(at), host);
}

/* A host above a domain is of the same organization if it has a policy itself,
   and is no public suffix (RFC 9989 section 4.10). */
static void
take_organization(struct inquiry *i, const struct dns_texts *texts)
{
	struct dmarc_record policy;

	i->wanted = i->wanted ||
	            (find_policy(texts, &policy) != NULL && policy.psd != 'y');
}

static void
take_consent(struct inquiry *i, const struct dns_texts *texts)
{
	for (size_t k = 0; k < texts->count; k++) {
		i->wanted = i->wanted ||
		            strncmp(texts->all[k].octets, "v=DMARC1", 8) == 0;
	}
}

/* Looks at the next address of each: those of the same organization want
   reports, others have to say so (RFC 9990 section 4). */
static void
look_at_hosts(struct inquiries *q, size_t at)
{
	char host[ASK_NAME], name[2 * ASK_NAME + 32];

	for (size_t k = 0; k < q->count; k++) {
		struct inquiry *i = &q->all[k];
		i->at = at;
		i->wanted = i->asks = false;
		if (at >= i->count || i->receivers == INQUIRY_RECEIVERS ||
		    !host_of(i, host)) {
			continue;
		}
		i->wanted = ask_is_below(host, i->domain);
		i->asks = !i->wanted;
		if (i->asks && ask_is_below(i->domain, host)) {
			snprintf(name, sizeof(name), "_dmarc.%s", host);
			(void)ask(q, k, name);
		}
	}
	ask_all(q, take_organization);
	for (size_t k = 0; k < q->count; k++) {
		struct inquiry *i = &q->all[k];
		if (i->asks && !i->wanted && host_of(i, host)) {
			snprintf(name, sizeof(name), "%s._report._dmarc.%s",
			    i->domain, host);
			(void)ask(q, k, name);
		}
	}
	ask_all(q, take_consent);
	for (size_t k = 0; k < q->count; k++) {
		struct inquiry *i = &q->all[k];
		if (i->wanted) {
			i->receiver[i->receivers++] = i->to[at];
		}
	}
}

void
inquiries_ask(struct inquiries *q)
{
	char name[ASK_NAME + 16];

	q->nlookups = 0;
	for (size_t k = 0; k < q->count; k++) {
		struct inquiry *i = &q->all[k];
		i->silent = false;
		i->count = i->receivers = 0;
		snprintf(name, sizeof(name), "%s.%s",
		    q->tls ? "_smtp._tls" : "_dmarc", i->domain);
		(void)ask(q, k, name);
	}
	ask_all(q, q->tls ? take_receivers : take_policy);
	for (size_t at = 0; !q->tls && at < INQUIRY_ADDRESSES; at++) {
		look_at_hosts(q, at);
	}
}
