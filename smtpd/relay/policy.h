/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_POLICY_H
#define RESTANTE_SMTPD_RELAY_POLICY_H

#include "common/tls/tls_client.h"
#include "smtpd/agent/tls_note.h"
#include "smtpd/relay/dane.h"

/* The proof that a host must give before it gets mail: by the hop's ?tls=,
   and by what the owner of the domain has published. */

/* Who asks for the proof. */
enum policy_kind {
	POLICY_OPEN,        /* nobody but the hop */
	POLICY_DANE,        /* TLSA records of the host */
	POLICY_STS,         /* the MTA-STS policy of the domain */
	POLICY_STS_TESTING, /* it would, if it were no test */
};

struct policy {
	enum policy_kind kind;
	bool tls; /* nothing goes there in the clear */
	char host[DNS_NAME];
	const char *name;     /* for SNI, and for the certificate */
	struct tls_want want; /* its TLSA records are in c->dane */
};

struct client;

/*
 * Finds what the host must prove, as c->policy.  Needs the DNS, where DANE may
 * apply.  false: the verdict says why nothing may go there: OUTCOME_FAILED if
 * nobody vouches for the host, and somebody has to (REQUIRETLS).
 */
bool policy_find(struct client *, const char *host);

/* Logs, counts and notes for a report that TLS with a host was as it should be,
   or what was wrong. */
void policy_note(const struct client *, enum tls_result);

/* Does the same if the policy of the domain cannot be had. */
void policy_note_missing(const struct client *, enum tls_result);

/* What reports call a fault. */
enum tls_result policy_result(enum tls_fault);

#endif
