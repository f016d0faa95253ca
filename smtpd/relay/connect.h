/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_CONNECT_H
#define RESTANTE_SMTPD_RELAY_CONNECT_H

#include "common/dns/dns.h"
#include "smtpd/route/hop.h"

#include <stdbool.h>
#include <stddef.h>

/* From a hop to a connected socket: MX, addresses, both families. */

enum { CONNECT_PEER = 300 };

/* The hosts of a hop in the order in which to try them. */
struct exchangers {
	struct dns_mx hosts[DNS_HOSTS];
	size_t count;
	bool secure; /* by signed records of the DNS; see dns_origin() */
};

enum found {
	FOUND_OK,
	FOUND_TEMPORARY, /* DNS trouble */
	FOUND_NO_DOMAIN, /* there is no such domain: 5.1.2 */
	FOUND_NULL_MX,   /* takes no mail, RFC 7505: 5.1.10 */
	FOUND_OURSELVES, /* the best host is us: 5.4.6, a loop */
};

/*
 * RFC 5321 section 5.1: sorted by preference, at random among equals, cut
 * off where one of our own names is found (addresses are not compared); the
 * domain itself when there is no MX but an address.  A hop without mx, or with
 * an address literal, is its host alone.  why is for people.
 */
enum found connect_exchangers(struct dns *, const struct config *,
    const struct hop *, struct exchangers *, char why[CONFIG_ERROR]);

/* The order alone; pure, but for the random numbers it is given. */
void connect_order(struct exchangers *, uint32_t (*random)(uint32_t below));

/* True if hosts(5) may have the host of the hop. */
bool connect_asks_hosts(const struct config *, const struct hop *);

/*
 * The addresses that hosts(5) has for a host, which no name server knows; they
 * need no DNS.  Without any, count is 0.  0; -1 with errno: it cannot be read
 * now, and what it says is unknown.  One that is not there, or that may not be
 * read, says nothing.
 */
int connect_hosts_file(const char *file, const char *host, struct exchangers *)
    __attribute__((warn_unused_result));

enum family { FAMILY_ANY, FAMILY_V4, FAMILY_V6 };

enum { CONNECT_TRIES = 10 };

/* Addresses that have had their try. */
struct tried_addresses {
	struct dns_address addresses[CONNECT_TRIES];
	size_t count;
};

struct connected {
	int fd;
	enum family family;
	char name[DNS_NAME];     /* the host, for TLS and logs */
	char peer[CONNECT_PEER]; /* name[address]:port */
	bool other_family;       /* the host has addresses of the other, too */
	struct dns_address address;
	size_t count; /* addresses that the host has */
	size_t left;  /* of those, how many are still to be tried */
};

/*
 * Connects to one host: IPv6 and IPv4 in turn, the next one started when the
 * last has not answered within 250 ms (RFC 8305), the first to connect wins;
 * 30 s for all.  A literal and localhost need no DNS.  Leaves out what was
 * tried before; that may be NULL.  0; -1: why says what went wrong, and is ""
 * if all addresses were tried.
 */
int connect_host(struct dns *, const char *host, unsigned port, enum family,
    const struct tried_addresses *, struct connected *, char why[CONFIG_ERROR])
    __attribute__((warn_unused_result));
/* Connects to an AF_UNIX socket. */
int connect_unix(const char *path, struct connected *, char why[CONFIG_ERROR])
    __attribute__((warn_unused_result));

#endif
