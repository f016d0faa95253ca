/* SPDX-License-Identifier: ISC */
/* Compares one record that a mail domain needs with what the DNS has. */
#include "smtpd/admin/zone_private.h"

#include "common/tls/tlsa.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

__attribute__((format(printf, 2, 3))) static void
explain(struct zone_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->note, sizeof(f->note), fmt, ap);
	va_end(ap);
}

/* Names the name server. */
static void
explain_silence(struct zone_check *c, struct zone_finding *f)
{
	struct dns_address servers[DNS_SERVERS];
	char text[DNS_SERVER_TEXT] = "(none)";

	if (dns_servers(c->dns, servers) > 0) {
		dns_server_text(&servers[0], text);
	}
	explain(
	    f, "the name server at %s does not answer, or has failed", text);
}

/* ---- what is at another place ---- */

/* True if such a text is at that name. */
static bool
is_at(struct zone_check *c, const struct zone_record *r, const char *name)
{
	struct zone_finding there = { .len = 0 };

	if (zone_ask(c, name, ZONE_TXT) != DNS_OK ||
	    dns_parse_texts(c->more.answer, c->more.len, &c->texts) != DNS_OK) {
		return false;
	}
	zone_compare_texts(r, &c->texts, &there);
	return there.word != ZONE_MISSING;
}

/* Looks for a text where pages put it by mistake. */
static void
find_text(struct zone_check *c, const struct zone_record *r,
    const struct dns_lookup *l, struct zone_finding *f)
{
	char name[2 * ZONE_NAME], relative[ZONE_NAME], alias[DNS_NAME];
	size_t n = 0;

	if (dns_parse_alias(l->answer, l->len, alias)) {
		explain(f,
		    "the name is an alias (CNAME) of %s, whose records count "
		    "instead",
		    alias);
		return;
	}
	zone_relative(c->zone, r->name, relative);
	snprintf(name, sizeof(name), "%s.%s", r->name, c->zone->domain);
	if (is_at(c, r, name)) {
		explain(f,
		    "it is at %s: the page has added the domain; enter the "
		    "name as %s",
		    name, relative);
		return;
	}
	for (const char *p = r->name; *p != '\0'; p++) {
		if (*p != '_') {
			name[n++] = *p;
		}
	}
	name[n] = '\0';
	if (n < strlen(r->name) && is_at(c, r, name)) {
		explain(f, "it is at %s: the underscore is missing", name);
		return;
	}
	snprintf(
	    name, sizeof(name), "restante-wildcard-test.%s", c->zone->domain);
	if (c->texts.count > 0 && zone_ask(c, name, ZONE_TXT) == DNS_OK) {
		explain(f,
		    "a wildcard (*.%s) answers for all names that have no "
		    "record of their own",
		    c->zone->domain);
	}
}

/* ---- one record ---- */

static void
judge_text(struct zone_check *c, const struct zone_record *r,
    const struct dns_lookup *l, struct zone_finding *f)
{
	bool top = zone_same_name(r->name, c->zone->domain);
	bool ours = top && (c->zone->naddresses > 0 ||
			       c->zone->config->relay[0] != '\0');

	(void)dns_parse_texts(l->answer, l->len, &c->texts);
	zone_compare_texts(r, &c->texts, f);
	if (strncmp(r->name, "_mta-sts.", 9) == 0 && f->word == ZONE_OK) {
		(void)sts_record_read(
		    (struct span){ f->found, f->len }, c->policy_id);
	}
	if (f->word == ZONE_MISSING && strncmp(r->name, "_dmarc.", 7) == 0 &&
	    zone_policy_above(c, f)) {
		f->word = ZONE_OK;
	} else if (f->word == ZONE_MISSING) {
		find_text(c, r, l, f);
	} else if (ours && (f->word == ZONE_OK || f->word == ZONE_DIFFERS) &&
		   f->note[0] == '\0' && zone_spf_passes(c, f)) {
		f->word = ZONE_OK;
	} else if (top && !ours && f->word == ZONE_DIFFERS &&
		   c->zone->addresses_unknown) {
		/* It may pass our addresses. */
		f->word = ZONE_UNKNOWN;
		explain_silence(c, f);
	}
}

static void
judge_mx(const struct zone_check *c, const struct dns_lookup *l,
    struct zone_finding *f)
{
	static struct dns_mx hosts[DNS_HOSTS];
	char text[DNS_NAME + 16];
	size_t count, best = 0;

	(void)dns_parse_mx(l->answer, l->len, hosts, &count);
	for (size_t i = 0; i < count; i++) {
		if (hosts[i].preference < hosts[best].preference) {
			best = i;
		}
	}
	f->word = count > 0 ? ZONE_DIFFERS : ZONE_MISSING;
	for (size_t i = 0; i < count; i++) {
		int n = snprintf(text, sizeof(text), "%u %s.",
		    hosts[i].preference, hosts[i].host);
		zone_found(f, text, (size_t)n);
		if (!zone_same_name(hosts[i].host, c->zone->host)) {
			continue;
		}
		if (hosts[i].preference == hosts[best].preference) {
			f->word = ZONE_OK;
		} else {
			explain(f, "others get the mail first: %s",
			    hosts[best].host);
		}
	}
}

/* What the callbacks of dns_parse_each() need. */
struct each {
	const struct zone_record *record;
	struct zone_finding *finding;
};

static bool
each_address(void *context, const char *data, size_t len)
{
	const struct each *e = context;
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text,
		sizeof(text)) != NULL) {
		zone_found(e->finding, text, strlen(text));
		if (strcmp(text, e->record->value) == 0) {
			e->finding->word = ZONE_OK;
		}
	}
	return true;
}

static bool
each_name(void *context, const char *data, size_t len)
{
	const struct each *e = context;

	zone_found(e->finding, data, len);
	if (zone_same_name(data, e->record->value)) {
		e->finding->word = ZONE_OK;
	}
	return true;
}

/* The order among several is a choice, and so is a service that others give. */
static bool
each_service(void *context, const char *data, size_t len)
{
	const struct each *e = context;
	const char *ours = strchr(strchr(e->record->value, ' ') + 1, ' ');
	const char *theirs = strchr(strchr(data, ' ') + 1, ' ');

	zone_found(e->finding, data, len);
	if (strcmp(ours, " 0 .") == 0 || zone_same_name(ours, theirs)) {
		e->finding->word = ZONE_OK;
	}
	return true;
}

static bool
each_other(void *context, const char *data, size_t len)
{
	const struct each *e = context;

	(void)data;
	(void)len;
	e->finding->word = ZONE_OK; /* whatever it says is a choice */
	return true;
}

/* Shows a TLSA record as zone files have it; a whole certificate is cut. */
static bool
each_certificate(void *context, const char *data, size_t len)
{
	const struct each *e = context;
	char text[2 * 64 + 16];
	const unsigned char *p = (const unsigned char *)data;
	size_t n = 0;

	if (len < 3) {
		return true;
	}
	n = (size_t)snprintf(text, sizeof(text), "%u %u %u ", p[0], p[1], p[2]);
	for (size_t i = 3; i < len && n + 3 <= sizeof(text); i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%02x", p[i]);
	}
	zone_found(e->finding, text, n);
	return true;
}

/* True if others find our certificate by the records, or an authority, which is
   a choice. */
static bool
are_good(const struct tlsa_set *set, const struct tls_public *public)
{
	const struct tlsa_certificate c = {
		.der = public->certificate,
		.der_len = public->certificate_len,
		.key = public->key,
		.key_len = public->key_len,
	};

	for (size_t i = 0; i < set->count; i++) {
		if (set->records[i].usage == TLSA_ANCHOR) {
			return true;
		}
	}
	return tlsa_matches(set, TLSA_SERVER, &c);
}

static void
judge_certificates(const struct zone_record *r, const struct dns_lookup *l,
    struct zone_finding *f)
{
	static struct tlsa_set set;
	struct each e = { r, f };

	memset(&set, 0, sizeof(set));
	f->word = ZONE_MISSING;
	(void)dns_parse_each(l->answer, l->len, l->type, tlsa_add, &set);
	(void)dns_parse_each(l->answer, l->len, l->type, each_certificate, &e);
	if (!tlsa_exists(&set)) {
		return;
	}
	f->word = are_good(&set, r->public) ? ZONE_OK : ZONE_DIFFERS;
	if (f->word == ZONE_DIFFERS && set.count > 0) {
		explain(f, "servers that follow these records (DANE) send no "
			   "mail here, if the zone is signed");
	} else if (f->word == ZONE_DIFFERS) {
		explain(f, "mail servers can use none of these: usages are 3 "
			   "and 2, and a SHA-256 has 32 octets");
	}
}

static void
judge_others(const struct zone_record *r, const struct dns_lookup *l,
    struct zone_finding *f)
{
	static bool (*const each[ZONE_TYPES])(void *, const char *, size_t) = {
		[ZONE_A] = each_address,
		[ZONE_AAAA] = each_address,
		[ZONE_PTR] = each_name,
		[ZONE_SRV] = each_service,
		[ZONE_CNAME] = each_other,
		[ZONE_CAA] = each_other,
	};
	struct each e = { r, f };
	char alias[DNS_NAME];

	f->word = ZONE_MISSING;
	(void)dns_parse_each(l->answer, l->len, l->type, each[r->type], &e);
	bool is_alias = dns_parse_alias(l->answer, l->len, alias);
	if (f->word != ZONE_OK && f->len > 0) {
		f->word = ZONE_DIFFERS;
	}
	if (r->type == ZONE_CNAME && is_alias) {
		f->word = ZONE_OK;
	} else if ((r->type == ZONE_A || r->type == ZONE_AAAA) && is_alias) {
		f->word = ZONE_DIFFERS;
		explain(f,
		    "it is an alias (CNAME) of %s, and an MX may not lead to "
		    "one",
		    alias);
	}
}

void
zone_judge(struct zone_check *c, const struct zone_record *r,
    const struct dns_lookup *l, struct zone_finding *f)
{
	struct each e = { r, f };

	*f = (struct zone_finding){ .word = ZONE_UNKNOWN };
	if (l->len == 0 || dns_parse_each(l->answer, l->len, l->type,
			       each_other, &e) == DNS_TEMPORARY) {
		f->word = ZONE_UNKNOWN;
		explain_silence(c, f);
		return;
	}
	switch (r->type) {
	case ZONE_MX:
		judge_mx(c, l, f);
		break;
	case ZONE_TXT:
		judge_text(c, r, l, f);
		break;
	case ZONE_TLSA:
		judge_certificates(r, l, f);
		break;
	case ZONE_A:
	case ZONE_AAAA:
	case ZONE_PTR:
	case ZONE_SRV:
	case ZONE_CNAME:
	case ZONE_CAA:
	case ZONE_POLICY:
	case ZONE_TYPES:
		judge_others(r, l, f);
		break;
	}
	if (f->word == ZONE_MISSING && r->need != ZONE_NEEDED) {
		f->word = ZONE_ABSENT;
	}
	if (f->word == ZONE_MISSING && f->note[0] == '\0' &&
	    r->type == ZONE_PTR) {
		explain(f, "%s", r->note);
	}
}
