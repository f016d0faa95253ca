/* SPDX-License-Identifier: ISC */
/* What reports say, for people and for programs. */
#include "smtpd/admin/reports_private.h"

#include "common/io/json.h"
#include "smtpd/admin/zone_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY = 24 * 60 * 60, ENOUGH = 14 * DAY };

static bool
passes(const struct report_key *k)
{
	return k->dkim == 1 || k->spf == 1;
}

/* ---- what to do about it ---- */

static bool
is_here(const struct zone *here, const char *source)
{
	for (size_t i = 0; i < here->naddresses; i++) {
		if (strcmp(here->addresses[i], source) == 0) {
			return true;
		}
	}
	return false;
}

/* Where this machine sends from, as others see it. */
static void
find_here(struct zone *here)
{
	struct zone_check *c;

	strlcpy(here->host, here->config->hostname, sizeof(here->host));
	zone_find_addresses(here);
	if (here->naddresses > 0 || !zone_is_known(here->config, here->host) ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		return;
	}
	c->zone = here;
	c->dns = dns_open(here->config);
	if (c->dns != NULL) {
		zone_learn_addresses(c);
		dns_close(c->dns);
	}
	free(c);
}

/* What people take for forged and is not. */
static bool
is_forwarded(const char *reason)
{
	return strcmp(reason, "forwarded") == 0 ||
	       strcmp(reason, "mailing_list") == 0 ||
	       strcmp(reason, "trusted_forwarder") == 0;
}

static void
print_advice(
    const struct zone *here, const struct report_key *k, const char *domain)
{
	static const char mark[] = "          ";

	if (k->dkim == 1 && k->spf == 1) {
		return;
	}
	if (is_here(here, k->source)) {
		printf("%sthis machine: %s; type: smtpd --dns %s --check\n",
		    mark,
		    k->dkim == 0 ? "its signature is missing, or does not fit"
				 : "SPF does not list it",
		    domain);
	} else if (k->dkim == 1) {
		printf("%sthe signature vouches for it: forwarded, or sent by "
		       "a service of yours\n",
		    mark);
	} else if (k->spf == 1) {
		printf("%snot signed, so that it fails when it is forwarded: "
		       "have it signed\n",
		    mark);
	} else if (is_forwarded(k->reason)) {
		printf(
		    "%sa mailing list or a forwarder: nothing to do\n", mark);
	} else if (k->signer[0] != '\0') {
		printf("%ssigned by %s alone: a list, or a service; if it is "
		       "yours, have it sign for %s\n",
		    mark, k->signer, domain);
	} else if (k->sender_passes == 1 && k->sender[0] != '\0') {
		printf("%ssent by %s: if that service is yours, have it sign "
		       "for %s\n",
		    mark, k->sender, domain);
	} else {
		printf("%snobody vouches for it: forged, unless you know the "
		       "host\n",
		    mark);
	}
}

/* What to do about the policy. */
static void
print_next(const struct report_domain *d)
{
	bool rejects = strcmp(d->policy, "reject") == 0;

	if (d->failed > 0 && !rejects) {
		printf("Look through what fails: when none of it is yours, "
		       "publish p=reject for %s.\n",
		    d->name);
	} else if (!rejects && d->end - d->begin >= ENOUGH) {
		printf("All of it passes: publish p=reject for %s.\n", d->name);
	} else if (!rejects) {
		printf("All of it passes: after two weeks of such reports "
		       "publish p=reject for %s.\n",
		    d->name);
	}
}

/* ---- for people ---- */

static const char *
day(int64_t seconds, char text[16])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 8000 ||
	    strftime(text, 16, "%Y-%m-%d", &tm) == 0) {
		strlcpy(text, "?", 16);
	}
	return text;
}

static void
print_domain(const struct report_domain *d)
{
	char begin[16], end[16];

	printf("%s, %s to %s, policy %s: %" PRIu64 " report%s by", d->name,
	    day(d->begin, begin), day(d->end, end),
	    d->policy[0] != '\0' ? d->policy : "none", d->reports,
	    d->reports == 1 ? "" : "s");
	for (size_t i = 0; i < d->norgs; i++) {
		printf("%s %s", i == 0 ? "" : ",", d->orgs[i]);
	}
	printf("%s\n%" PRIu64 " messages in its name: %" PRIu64
	       " passed, %" PRIu64 " failed\n\n",
	    d->norgs == REPORT_ORGS ? " and others" : "", d->passed + d->failed,
	    d->passed, d->failed);
}

/* What fails comes first, then what is most. */
static int
compare(const void *a, const void *b)
{
	const struct report_row *const *x = a, *const *y = b;
	bool px = passes(&(*x)->key), py = passes(&(*y)->key);

	if (px != py) {
		return px ? 1 : -1;
	}
	return (*x)->count < (*y)->count ? 1
	       : (*x)->count > (*y)->count
	           ? -1
	           : strcmp((*x)->key.source, (*y)->key.source);
}

static void
print_row(const struct report_row *r, int width)
{
	const struct report_key *k = &r->key;

	printf("%8" PRIu64 "  %-*s  %-4s  %-4s  %-4s  %-10s  %s\n", r->count,
	    width, k->source, passes(k) ? "pass" : "FAIL",
	    k->spf == 1 ? "pass" : "fail", k->dkim == 1 ? "pass" : "fail",
	    k->done[0] != '\0' ? k->done : "none", k->from);
}

static void
print_rows(const struct zone *here, const struct report_sum *s, uint32_t number)
{
	static const struct report_row *rows[REPORT_ROWS];
	size_t n = 0, width = strlen("source");

	for (size_t i = 0; i < s->nrows; i++) {
		size_t len = strlen(s->rows[i].key.source);
		if (s->rows[i].key.domain == number) {
			rows[n++] = &s->rows[i];
			width = len > width ? len : width;
		}
	}
	qsort(rows, n, sizeof(rows[0]), compare);
	printf("messages  %-*s  DMARC SPF   DKIM  done        From\n",
	    (int)width, "source");
	for (size_t i = 0; i < n; i++) {
		print_row(rows[i], (int)width);
		print_advice(here, &rows[i]->key, s->domains[number].name);
	}
	printf("\n");
}

void
report_print(const struct config *config, const struct report_sum *s)
{
	struct zone *here = calloc(1, sizeof(*here));

	if (here == NULL) {
		return;
	}
	here->config = config;
	if (s->nrows > 0) {
		find_here(here);
	}
	for (uint32_t i = 0; i < s->ndomains; i++) {
		const struct report_domain *d = &s->domains[i];
		if (d->reports > 0) {
			print_domain(d);
			print_rows(here, s, i);
			print_next(d);
		}
		report_print_tls(s, i);
	}
	if (s->left_out > 0) {
		printf("%" PRIu64 " messages from further sources are counted, "
		       "and not listed.\n",
		    s->left_out);
	}
	if (s->unvouched > 0) {
		printf("%" PRIu64 " reports are not counted: nobody vouches "
		       "for who sent them.\n",
		    s->unvouched);
	}
	free(here);
}

/* ---- for programs ---- */

static void
json_domain(const struct report_domain *d)
{
	printf("{\"domain\":");
	json_string(stdout, d->name);
	json_member(stdout, "policy", d->policy);
	json_number(stdout, "begin", d->begin);
	json_number(stdout, "end", d->end);
	json_number(stdout, "reports", (int64_t)d->reports);
	printf(",\"passed\":%" PRIu64 ",\"failed\":%" PRIu64, d->passed,
	    d->failed);
	printf(",\"tls_reports\":%" PRIu64 ",\"tls_good\":%" PRIu64
	       ",\"tls_failed\":%" PRIu64,
	    d->tls_reports, d->tls_good, d->tls_failed);
	printf(",\"reporters\":[");
	for (size_t i = 0; i < d->norgs; i++) {
		printf("%s", i == 0 ? "" : ",");
		json_string(stdout, d->orgs[i]);
	}
	printf("]}");
}

static void
json_row(const struct report_sum *s, const struct report_row *r)
{
	const struct report_key *k = &r->key;

	printf("{\"domain\":");
	json_string(stdout, s->domains[k->domain].name);
	json_member(stdout, "source", k->source);
	printf(",\"count\":%" PRIu64, r->count);
	json_member(stdout, "dmarc", passes(k) ? "pass" : "fail");
	json_member(stdout, "spf", k->spf == 1 ? "pass" : "fail");
	json_member(stdout, "dkim", k->dkim == 1 ? "pass" : "fail");
	json_member(stdout, "disposition", k->done);
	json_member(stdout, "reason", k->reason);
	json_member(stdout, "from", k->from);
	json_member(stdout, "signer", k->signer);
	json_member(stdout, "sender", k->sender);
	printf("}");
}

void
report_print_json(const struct report_sum *s)
{
	printf("{\"reports\":%" PRIu64 ",\"duplicates\":%" PRIu64
	       ",\"unvouched\":%" PRIu64 ",\"unlisted\":%" PRIu64
	       ",\"domains\":[",
	    s->reports, s->twice, s->unvouched, s->left_out);
	for (size_t i = 0; i < s->ndomains; i++) {
		printf("%s", i == 0 ? "" : ",");
		json_domain(&s->domains[i]);
	}
	printf("],\"sources\":[");
	for (size_t i = 0; i < s->nrows; i++) {
		printf("%s", i == 0 ? "" : ",");
		json_row(s, &s->rows[i]);
	}
	printf("],");
	report_print_tls_json(s);
	printf("}\n");
}
