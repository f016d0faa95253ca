/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_RACE_H
#define RESTANTE_SMTPD_RELAY_RACE_H

#include "common/config/config.h"
#include "common/dns/dns.h"

#include <stdbool.h>
#include <stddef.h>

/* Happy eyeballs (RFC 8305): connections to the addresses of a host, of which
   the first to succeed is kept.  For connect.c. */

struct race {
	const char *host; /* for people */
	unsigned port;
	struct dns_address addresses[DNS_ADDRESSES];
	size_t count;
};

/* True if the host is an address: 192.0.2.1, 2001:db8::1, either in brackets,
   or [IPv6:2001:db8::1]. */
bool race_literal(const char *host, struct dns_address *);

/* Alternates the two families, IPv6 first. */
void race_sort(struct race *);
bool race_has(const struct race *, int family);
/* Drops the other families. */
void race_only(struct race *, int family);

/* The index of the winner and its non-blocking socket, or -1: why names each
   address and its error. */
int race_run(const struct race *, int *fd, char why[CONFIG_ERROR]);

/* "host[address]:port" */
void race_text(const struct race *, size_t index, char *text, size_t size);

#endif
