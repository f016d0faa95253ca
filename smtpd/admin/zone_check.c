/* SPDX-License-Identifier: ISC */
/* Compares all records that a mail domain needs with what the DNS has. */
#include "smtpd/admin/zone_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/io/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 9000 }; /* ms for what is asked at once */

/* Counts answers about the domain that are signed. */
static void
count_secure(const struct zone_check *c, const struct dns_lookup *l)
{
	char relative[ZONE_NAME];

	zone_relative(c->zone, l->name, relative);
	if (l->len > 0 && relative[strlen(relative) - 1] != '.') {
		c->zone->answers++;
		c->zone->secure +=
		    dns_lookup_is_secure(l) && dns_may_be_secure(c->dns);
	}
}

/* Asks for some at once. */
static void
look_up(struct zone_check *c, size_t first, size_t n)
{
	size_t answered = 0;

	for (size_t i = 0; i < n; i++) {
		const struct zone_record *r = &c->zone->records[first + i];
		strlcpy(c->lookups[i].name, r->name, DNS_NAME);
		/* An address is at the end of an alias, too. */
		c->lookups[i].type =
		    zone_dns_type(r->type == ZONE_CNAME ? ZONE_A : r->type);
		c->lookups[i].len = 0;
	}
	if (!c->silent) {
		dns_look_up(c->dns, c->lookups, n, deadline_now() + PATIENCE);
	}
	for (size_t i = 0; i < n; i++) {
		answered += c->lookups[i].len > 0;
		count_secure(c, &c->lookups[i]);
	}
	c->silent = c->silent || answered == 0;
}

int
zone_compare(struct zone *zone,
    void (*tell)(
	void *context, const struct zone_record *, const struct zone_finding *),
    void *context)
{
	static struct zone_finding finding;
	struct zone_check *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return -1;
	}
	c->zone = zone;
	c->dns = dns_open(zone->config);
	if (c->dns == NULL) {
		free(c);
		return -1;
	}
	/* There may be more records once the addresses are known. */
	for (size_t i = 0, n; i < zone->count; i += n) {
		n = zone->count - i < DNS_LOOKUPS ? zone->count - i
		                                  : (size_t)DNS_LOOKUPS;
		look_up(c, i, n);
		if (i == 0 && !c->silent) {
			zone_learn_addresses(c);
		}
		for (size_t k = 0; k < n; k++) {
			const struct zone_record *r = &zone->records[i + k];
			zone_judge(c, r, &c->lookups[k], &finding);
			tell(context, r, &finding);
		}
	}
	if (c->policy_id[0] != '\0') {
		struct zone_record r = { .type = ZONE_POLICY };
		strlcpy(r.name, zone->policy_url, sizeof(r.name));
		strlcpy(r.value, zone->policy, sizeof(r.value));
		zone_check_policy(c, c->policy_id, &finding);
		tell(context, &r, &finding);
	}
	dns_close(c->dns);
	free(c);
	return 0;
}

/* ---- printing ---- */

static const char *const words[] = { "OK", "MISSING", "DIFFERS", "EXTRA",
	"ABSENT", "UNKNOWN" };

struct outcome {
	bool json, wrong, unknown;
	size_t told;
	char silence[ZONE_NOTE]; /* why nothing was known of the last one */
};

static void
count(struct outcome *o, enum zone_word word)
{
	o->told++;
	switch (word) {
	case ZONE_OK:
	case ZONE_ABSENT:
		break;
	case ZONE_MISSING:
	case ZONE_DIFFERS:
	case ZONE_EXTRA:
		o->wrong = true;
		break;
	case ZONE_UNKNOWN:
		o->unknown = true;
		break;
	}
}

static void
print_lines(const char *what, const char *line)
{
	while (*line != '\0') {
		size_t n = strcspn(line, "\n");
		printf("        %s %.*s\n", what, (int)n, line);
		line += n + (line[n] == '\n');
	}
}

static void
tell_person(
    void *context, const struct zone_record *r, const struct zone_finding *f)
{
	struct outcome *o = context;

	count(o, f->word);
	if (f->word == ZONE_ABSENT) {
		return;
	}
	printf("%-7s %s %s\n", words[f->word], zone_types[r->type], r->name);
	if (f->word == ZONE_UNKNOWN) {
		/* Said once, where a name server answers nothing at all. */
		if (strcmp(o->silence, f->note) == 0) {
			return;
		}
		strlcpy(o->silence, f->note, sizeof(o->silence));
	} else if (f->word != ZONE_OK) {
		print_lines("should be:", r->value);
		print_lines(
		    r->type == ZONE_POLICY ? "it is:    " : "the DNS:  ",
		    f->found);
	}
	if (f->note[0] != '\0') {
		printf("        %s\n", f->note);
	}
}

static void
tell_program(
    void *context, const struct zone_record *r, const struct zone_finding *f)
{
	static const char *const names[] = { "ok", "missing", "differs",
		"extra", "absent", "unknown" };
	struct outcome *o = context;

	printf("%s{\"status\":\"%s\"", o->told == 0 ? "" : ",", names[f->word]);
	count(o, f->word);
	json_member(stdout, "type", zone_types[r->type]);
	json_member(stdout, "name", r->name);
	json_member(stdout, "value", r->value);
	if (f->word != ZONE_OK && f->len > 0) {
		json_member(stdout, "found", f->found);
	}
	if (f->note[0] != '\0') {
		json_member(stdout, "note", f->note);
	}
	printf("}");
}

static bool
is_signed(const struct zone *zone)
{
	return zone->answers > 0 && zone->secure == zone->answers;
}

/* What no record can tell of. */
static void
print_gaps(const struct zone *zone)
{
	if (zone->naddresses == 0 && !zone->addresses_unknown) {
		printf("%s has no address that the world can reach, neither "
		       "here nor in the DNS:\nwithout A or AAAA no mail comes "
		       "in.\n",
		    zone->host);
	}
	if (zone->nkeys == 0) {
		printf("There is no DKIM key yet; type: smtpd --dkim %s\n",
		    zone->domain);
	}
	if (zone->answers > 0) {
		printf(is_signed(zone)
			   ? "The zone is signed (DNSSEC).\n"
			   : "The zone is not signed (DNSSEC), or the name "
			     "server does not verify that: nothing here "
			     "needs it.\n");
	}
}

int
zone_check(struct zone *zone, bool json)
{
	struct outcome o = { .json = json };

	if (json) {
		printf("{\"domain\":");
		json_string(stdout, zone->domain);
		printf(",\"records\":[");
	}
	int rc = zone_compare(zone, json ? tell_program : tell_person, &o);
	int status = rc == -1 || (o.unknown && !o.wrong) ? 2 : o.wrong ? 1 : 0;
	if (rc == -1) {
		log_error("no name server can be asked: %s", strerror(errno));
	}
	if (json) {
		printf("],\"signed\":%s,\"status\":\"%s\"}\n",
		    is_signed(zone) ? "true" : "false",
		    status == 0   ? "ok"
		    : status == 1 ? "wrong"
				  : "unknown");
	} else {
		print_gaps(zone);
	}
	return status;
}
