/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_ASK_H
#define RESTANTE_COMMON_DNS_DNS_ASK_H

#include "common/auth/verify_ask.h"
#include "common/dns/dns_lookup.h"

/* Turns what the machines of common/auth ask into DNS questions.  Pure. */

enum { DNS_ASKED = 128 * 1024 }; /* octets of all records of an answer */

/* An answer, and what its records are in. */
struct dns_asked {
	struct ask_answer answer;
	size_t used;
	char pool[DNS_ASKED];
};

/* The question, for dns_look_up(). */
void dns_ask_make(const struct ask *, struct dns_lookup *);

/* Reads the result of such a lookup. */
void dns_ask_read(const struct dns_lookup *, struct dns_asked *);

#endif
