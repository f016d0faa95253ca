/* SPDX-License-Identifier: ISC */
/* Prints the records that a mail domain needs. */
#include "smtpd/admin/zone_private.h"

#include "common/io/json.h"

#include <stdio.h>
#include <string.h>

/* True if the name is in the zone of the domain. */
static bool
is_inside(const struct zone *zone, const struct zone_record *r)
{
	char name[ZONE_NAME];

	zone_relative(zone, r->name, name);
	return name[strlen(name) - 1] != '.';
}

/* ---- a zone file ---- */

/* The value of a CAA record is quoted. */
static void
print_authority(const struct zone_record *r)
{
	const char *last = strrchr(r->value, ' ') + 1;

	printf("%s. IN CAA %.*s\"%s\"\n", r->name, (int)(last - r->value),
	    r->value, last);
}

static void
print_record(const struct zone *zone, const struct zone_record *r)
{
	bool inside = is_inside(zone, r);

	if (r->note != NULL) {
		printf("; %s:\n", r->note);
	}
	if (!inside && r->type != ZONE_PTR) {
		printf("; in the zone that %s is in:\n", r->name);
	}
	if (!inside || r->need == ZONE_DEPENDS) {
		printf("; ");
	}
	if (r->type == ZONE_TXT) {
		dkim_print_text(r->name, r->value);
	} else if (r->type == ZONE_CAA) {
		print_authority(r);
	} else {
		printf(
		    "%s. IN %s %s\n", r->name, zone_types[r->type], r->value);
	}
}

/* What has no record. */
static void
print_gaps(const struct zone *zone, const char *mark)
{
	if (zone->naddresses == 0) {
		printf("%sA and AAAA of %s are missing here: this machine has "
		       "no address\n%sof its own that the world can reach. Add "
		       "those that lead to it.\n",
		    mark, zone->host, mark);
	}
	if (zone->addresses_full) {
		printf(
		    "%sMore addresses of this machine are left out.\n", mark);
	}
	if (zone->no_tlsa) {
		printf("%sTLSA is left out: there is no key of TLS, or this "
		       "user cannot read it.\n",
		    mark);
	}
	if (zone->nkeys == 0) {
		printf("%sThere is no DKIM key yet; type: smtpd --dkim %s\n",
		    mark, zone->domain);
	}
}

/* The policy of MTA-STS, which is a file and no record. */
static void
print_policy(const struct zone *zone, const char *mark)
{
	printf("%s%s,\n%swhich smtpd --dns %s --policy FILE writes:\n", mark,
	    zone->policy_url, mark, zone->domain);
	for (const char *line = zone->policy; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		printf("%s  %.*s\n", mark, (int)n, line);
		line += n + 1;
	}
}

void
zone_print_records(const struct zone *zone)
{
	for (size_t i = 0; i < zone->count; i++) {
		print_record(zone, &zone->records[i]);
	}
}

void
zone_print_file(const struct zone *zone)
{
	printf("$TTL 300\n");
	print_gaps(zone, "; ");
	zone_print_records(zone);
	print_policy(zone, "; ");
}

/* ---- for web pages ---- */

void
zone_print_web(const struct zone *zone)
{
	char name[ZONE_NAME];

	for (size_t i = 0; i < zone->count; i++) {
		const struct zone_record *r = &zone->records[i];
		zone_relative(zone, r->name, name);
		printf("name   %s\ntype   %s\nvalue  %s\n", name,
		    zone_types[r->type], r->value);
		if (r->note != NULL) {
			printf("# %s\n", r->note);
		}
		if (r->type != ZONE_PTR && !is_inside(zone, r)) {
			printf("# in the zone that the name is in\n");
		}
		printf("\n");
	}
	print_gaps(zone, "# ");
	print_policy(zone, "# ");
	printf("# Most pages add %s to names: enter what stands here. No\n"
	       "# quotes belong around values, and no backslashes before\n"
	       "# semicolons. Numbers before the host of MX and SRV may have\n"
	       "# fields of their own. Some pages cut values at 255 "
	       "characters.\n"
	       "# Afterwards type: smtpd --dns %s --check\n",
	    zone->domain, zone->domain);
}

/* ---- for programs ---- */

void
zone_print_json(const struct zone *zone)
{
	static const char *const needs[] = { "needed", "useful", "depends" };

	printf("{\"domain\":");
	json_string(stdout, zone->domain);
	json_member(stdout, "host", zone->host);
	printf(",\"records\":[");
	for (size_t i = 0; i < zone->count; i++) {
		const struct zone_record *r = &zone->records[i];
		printf("%s{\"name\":", i == 0 ? "" : ",");
		json_string(stdout, r->name);
		json_member(stdout, "type", zone_types[r->type]);
		json_member(stdout, "value", r->value);
		json_member(stdout, "need", needs[r->need]);
		if (r->note != NULL) {
			json_member(stdout, "note", r->note);
		}
		printf("}");
	}
	printf("]");
	json_member(stdout, "policy_url", zone->policy_url);
	json_member(stdout, "policy", zone->policy);
	printf("}\n");
}
