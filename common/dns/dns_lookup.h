/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_LOOKUP_H
#define RESTANTE_COMMON_DNS_DNS_LOOKUP_H

#include "common/dns/dns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Several questions at a time, whose answers may be as long as the DNS allows:
 * by UDP with EDNS (RFC 6891), and by TCP where that is cut short.
 */

enum {
	DNS_LOOKUPS = 8,      /* of one message or zone at a time */
	DNS_LOOKUP_MOST = 32, /* of anything */
	DNS_LOOKUP_ROOM = 65535,
};

struct dns_lookup {
	char name[DNS_NAME]; /* with dots; nothing in it is an escape */
	int type;
	/* The answer, for dns_parse_each(); 0: none, or none that a server
	   stands to. */
	size_t len;
	unsigned char answer[DNS_LOOKUP_ROOM];
};

/*
 * Asks DNS_LOOKUP_MOST questions at most; needs sockets only, or not even
 * these: dns_needs_sockets().
 */
void dns_look_up(
    const struct dns *, struct dns_lookup *, size_t n, int64_t deadline);

/* True if that is an answer to the question, and one that a server stands to;
   names differ in case at most.  Pure. */
bool dns_lookup_answered(
    const struct dns_lookup *, const unsigned char *answer, size_t len);

/* True if the server says that it has verified the answer (the bit AD, RFC 6840
   section 5.8), which counts if nobody on the way can change it.  Pure. */
bool dns_lookup_is_secure(const struct dns_lookup *);

#endif
