/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_DANE_H
#define RESTANTE_SMTPD_RELAY_DANE_H

#include "common/dns/dns.h"
#include "common/tls/tlsa.h"

/* The requirements of a host's TLSA records for senders of mail (RFC 7672
   section 2.2). */

enum dane_state {
	DANE_NONE,    /* nothing: there are none, or nobody vouches for them */
	DANE_TLS,     /* none that can be used: TLS, with any certificate */
	DANE_PROVED,  /* TLS, with a certificate that they name */
	DANE_UNKNOWN, /* that cannot be found out now: nothing may go there */
};

struct dane {
	enum dane_state state;
	char base[DNS_NAME]; /* the name that the records belong to */
	struct tlsa_set tlsa;
};

/*
 * Asks for the records of a host on that port.  Needs sockets, and as much time
 * as four questions.  why: for people, if DANE_UNKNOWN.
 */
void dane_find(struct dns *, const char *host, unsigned port, struct dane *,
    char why[CONFIG_ERROR]);

#endif
