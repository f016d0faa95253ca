/* SPDX-License-Identifier: ISC */
/* What reports on TLS say (RFC 8460). */
#include "smtpd/admin/reports_private.h"

#include "common/io/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What to do about a result, RFC 8460 section 4.3. */
static const struct {
	const char *result, *advice;
} known[] = {
	{ "starttls-not-supported",
	    "STARTTLS was not offered: is there a certificate (the key tls)?" },
	{ "certificate-host-mismatch",
	    "no certificate is for that host: get one for its name" },
	{ "certificate-expired", "renew the certificate" },
	{ "certificate-not-trusted",
	    "get a certificate from an authority that others know" },
	{ "validation-failure", "the certificate is not good for the sender" },
	{ "tlsa-invalid", "the TLSA records are not those of the certificate" },
	{ "dnssec-invalid", "the signatures of the zone are not valid" },
	{ "dane-required", "the sender wants TLSA records, and finds none" },
	{ "sts-policy-fetch-error",
	    "the policy of MTA-STS cannot be fetched: is its web server up?" },
	{ "sts-policy-invalid", "the policy of MTA-STS is wrong" },
	{ "sts-webpki-invalid",
	    "the certificate of the policy's web server is not valid" },
};

void
report_print_tls(const struct report_sum *s, uint32_t number)
{
	const struct report_domain *d = &s->domains[number];

	if (d->tls_reports == 0) {
		return;
	}
	printf("%" PRIu64 " report%s on TLS to %s: %" PRIu64
	       " connections as they should be, %" PRIu64 " not\n",
	    d->tls_reports, d->tls_reports == 1 ? "" : "s", d->name,
	    d->tls_good, d->tls_failed);
	for (size_t i = 0; i < s->ntls; i++) {
		const struct report_tls_key *k = &s->tls[i].key;
		if (k->domain != number) {
			continue;
		}
		printf("%8" PRIu64 "  %s%s%s, policy %s\n", s->tls[i].count,
		    k->result, k->host[0] != '\0' ? " at " : "", k->host,
		    k->policy[0] != '\0' ? k->policy : "none");
		for (size_t n = 0; n < sizeof(known) / sizeof(known[0]); n++) {
			if (strcmp(known[n].result, k->result) == 0) {
				printf("          %s\n", known[n].advice);
			}
		}
	}
}

void
report_print_tls_json(const struct report_sum *s)
{
	printf("\"tls\":[");
	for (size_t i = 0; i < s->ntls; i++) {
		const struct report_tls_key *k = &s->tls[i].key;
		printf("%s{\"domain\":", i == 0 ? "" : ",");
		json_string(stdout, s->domains[k->domain].name);
		json_member(stdout, "policy", k->policy);
		json_member(stdout, "result", k->result);
		json_member(stdout, "host", k->host);
		printf(",\"count\":%" PRIu64 "}", s->tls[i].count);
	}
	printf("]");
}
