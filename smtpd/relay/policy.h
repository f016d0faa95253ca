/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_POLICY_H
#define RESTANTE_SMTPD_RELAY_POLICY_H

#include "common/tls/tls_client.h"
#include "smtpd/relay/dane.h"

/* The proof that a host must give before it gets mail: by the hop's ?tls=,
   and by what the owner of the domain has published. */

struct policy {
	bool tls; /* nothing goes there in the clear */
	char host[DNS_NAME];
	const char *name;     /* for SNI, and for the certificate */
	struct tls_want want; /* its TLSA records are in c->dane */
	bool dane;            /* there are such records */
	bool sts;             /* a policy of MTA-STS is to be obeyed */
	bool testing;         /* or would be, if it were no test */
};

struct client;

/*
 * Finds what the host must prove, as c->policy.  Needs the DNS, where DANE may
 * apply.  false: the verdict says why nothing may go there: OUTCOME_FAILED if
 * nobody vouches for the host, and somebody has to (REQUIRETLS).
 */
bool policy_find(struct client *, const char *host);

/* Logs and counts that a host has proved what it must (NULL), or why not, in
   the words of RFC 8460 section 4.3. */
void policy_note(const struct client *, const char *fault);

/* Returns these words. */
const char *policy_fault(enum tls_fault);

#endif
