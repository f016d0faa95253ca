/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_BATCH_H
#define RESTANTE_COMMON_DNS_DNS_BATCH_H

#include "common/dns/dns.h"

#include <arpa/nameser.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Several short questions at once, by UDP alone and without EDNS: for what is
 * nice to know soon, and not worth waiting for.
 */

enum { DNS_BATCH = 32 };

struct dns_question {
	char name[DNS_NAME];
	int type;
	/* The answer, for a function of dns.h that reads such ones; 0: there
	   was none in time, or none that a server stands to. */
	size_t len;
	unsigned char answer[NS_PACKETSZ];
};

/*
 * Asks, DNS_BATCH questions at most, and again those that are not answered,
 * until all are or the deadline is there.  Only sockets are needed.
 */
void dns_ask_all(
    const struct dns *, struct dns_question *, size_t n, int64_t deadline);

#endif
