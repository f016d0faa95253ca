/* SPDX-License-Identifier: ISC */
/* Asks the DNS what SPF and DMARC make of the records that it has. */
#include "smtpd/admin/zone_private.h"

#include "common/io/deadline.h"
#include "common/text/network.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { PATIENCE = 9000 }; /* ms for one thing */

int
zone_dns_type(enum zone_type type)
{
	static const int types[ZONE_TYPES] = { ns_t_a, ns_t_aaaa, ns_t_ptr,
		ns_t_mx, ns_t_txt, ns_t_srv, ns_t_cname, ns_t_caa,
		52 /* TLSA, which <arpa/nameser.h> need not have */, 0 };

	return types[type];
}

bool
zone_is_known(const struct config *config, const char *domain)
{
	static const char *const names[] = { "test", "example", "invalid",
		"localhost", "localdomain", "local", "internal", "lan",
		"home.arpa", "example.com", "example.net", "example.org" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(domain), n = strlen(names[i]);
		if (len >= n && strcasecmp(domain + len - n, names[i]) == 0 &&
		    (len == n || domain[len - n - 1] == '.')) {
			return config->resolver[0] != '\0' &&
			       strchr(domain, '.') != NULL;
		}
	}
	return strchr(domain, '.') != NULL;
}

/* Looks up c->more. */
static void
look_up(struct zone_check *c)
{
	c->more.len = 0;
	if (!c->silent) {
		dns_look_up(c->dns, &c->more, 1, deadline_now() + PATIENCE);
	}
}

enum dns_status
zone_ask(struct zone_check *c, const char *name, enum zone_type type)
{
	if (strlen(name) >= sizeof(c->more.name)) {
		return DNS_NONE;
	}
	strlcpy(c->more.name, name, sizeof(c->more.name));
	c->more.type = zone_dns_type(type);
	look_up(c);
	return c->more.len == 0 ? DNS_TEMPORARY
	                        : dns_parse_each(c->more.answer, c->more.len,
				      c->more.type, NULL, NULL);
}

void
zone_learn_addresses(struct zone_check *c)
{
	static const enum zone_type types[] = { ZONE_A, ZONE_AAAA };
	struct dns_address found[DNS_ADDRESSES];
	struct zone *z = c->zone;
	size_t count = 0;
	bool failed = false;

	for (size_t i = 0; z->naddresses == 0 && i < 2; i++) {
		enum dns_status status = zone_ask(c, z->host, types[i]);
		if (status == DNS_OK) {
			(void)dns_parse_addresses(c->more.answer, c->more.len,
			    c->more.type, found, &count);
		}
		failed = failed || status == DNS_TEMPORARY;
	}
	for (size_t i = 0; i < count && z->naddresses < ZONE_ADDRESSES; i++) {
		char *text = z->addresses[z->naddresses];
		if (zone_public_address(
			(const struct sockaddr *)&found[i].address, text)) {
			z->naddresses++;
			zone_add_pointer(z, text);
		}
	}
	z->addresses_unknown = z->naddresses == 0 && failed;
}

/* What the machines of common/auth ask. */
static const struct ask_answer *
answer(struct zone_check *c, const struct ask *ask)
{
	dns_ask_make(ask, &c->more);
	look_up(c);
	dns_ask_read(&c->more, &c->asked);
	return &c->asked.answer;
}

/* ---- SPF ---- */

static enum spf_result
run_spf(struct zone_check *c, const char *address)
{
	char sender[DKIM_KEY_NAME + 16];
	struct spf_question q = { .helo = c->zone->host,
		.sender = sender,
		.receiver = c->zone->host,
		.time = (uint64_t)time(NULL) };

	snprintf(sender, sizeof(sender), "postmaster@%s", c->zone->domain);
	if (!network_address(address, q.address)) {
		return SPF_NONE;
	}
	for (bool asks = spf_begin(&c->spf, &q); asks;
	     asks = spf_answer(&c->spf, answer(c, &c->spf.ask))) {
	}
	return c->spf.result;
}

/* True if a record lets nobody pass whom the DNS has nothing of. */
static bool
keeps_strangers_out(struct zone_check *c, struct zone_finding *f)
{
	static const char stranger[] = "192.0.2.254"; /* nobody has it */
	enum spf_result result = run_spf(c, stranger);

	if (result == SPF_PASS) {
		snprintf(f->note, sizeof(f->note), "it lets anybody pass");
	} else if (result == SPF_PERMERROR) {
		snprintf(f->note, sizeof(f->note), "it is wrong: %.160s",
		    c->spf.reason);
	}
	if (f->note[0] != '\0') {
		f->word = ZONE_DIFFERS;
	}
	return f->note[0] == '\0';
}

bool
zone_spf_passes(struct zone_check *c, struct zone_finding *f)
{
	/* With a relay nothing is sent from here, and what the relay needs its
	   provider knows. */
	bool here = c->zone->config->relay[0] == '\0';

	for (size_t i = 0; here && i < c->zone->naddresses; i++) {
		const char *address = c->zone->addresses[i];
		enum spf_result result = run_spf(c, address);
		if (result != SPF_PASS) {
			f->word = result == SPF_TEMPERROR ? ZONE_UNKNOWN
			                                  : ZONE_DIFFERS;
			snprintf(f->note, sizeof(f->note),
			    "mail from %s gets %s%s%.160s", address,
			    spf_word(result),
			    c->spf.reason[0] != '\0' ? ": " : "",
			    c->spf.reason);
			return false;
		}
	}
	return keeps_strangers_out(c, f);
}

/* ---- DMARC ---- */

bool
zone_policy_above(struct zone_check *c, struct zone_finding *f)
{
	struct ask asks[DMARC_STEPS];
	size_t n;

	dmarc_begin(&c->dmarc, c->zone->domain);
	while ((n = dmarc_next(&c->dmarc, asks)) > 0) {
		for (size_t i = 0; i < n; i++) {
			dmarc_answer(
			    &c->dmarc, asks[i].name, answer(c, &asks[i]));
		}
	}
	for (size_t i = 0; i < c->dmarc.names; i++) {
		if (c->dmarc.name[i].status == ASK_FAILED) {
			f->word = ZONE_UNKNOWN;
			snprintf(f->note, sizeof(f->note),
			    "the name server has failed for %.200s",
			    c->dmarc.name[i].name);
		}
	}
	if (c->dmarc.policy_domain[0] == '\0' ||
	    strcmp(c->dmarc.policy_domain, c->zone->domain) == 0) {
		return false;
	}
	snprintf(f->note, sizeof(f->note), "the policy of %s counts",
	    c->dmarc.policy_domain);
	return true;
}
