/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_JOB_PEER_H
#define RESTANTE_COMMON_JOB_PEER_H

#include "common/text/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The client of a connection, as server, sessions and workers know it.  Pure.
 */

enum role {
	ROLE_MX,         /* from anybody, for our users (pop3d: mailboxes) */
	ROLE_SUBMISSION, /* from our users, after a login */
	ROLE_LOCAL,      /* from a user of this machine, identified by uid */
	ROLE_PASSWD,     /* pop3d: users change their passwords, from here */
};

struct peer {
	char address[64]; /* 192.0.2.1, 2001:db8::1, or "local" */
	unsigned port;
	bool loopback;       /* on this machine */
	bool prober;         /* a proxy that names no client: a health check */
	uid_t uid;           /* ROLE_LOCAL: the owner of the process */
	uint8_t network[16]; /* its /32 or /64, for counting */
	uint8_t ip[16];      /* see common/text/network.h; 0: it has none */
};

/* Makes a peer of an address (see common/text/network.h) and a port. */
void peer_set_ip(struct peer *, const uint8_t ip[16], unsigned port);

/*
 * The client's address, if that is sure: a proxy has told it, and addresses of
 * this machine are only those that we see ourselves.  NULL: it is not.
 */
const uint8_t *peer_address(const struct peer *);

/* True if the client is surely in that network. */
bool peer_is_in(const struct peer *, const struct network *);

enum proxy_kind {
	PROXY_OWN,     /* the proxy itself: a health check */
	PROXY_UNKNOWN, /* a client whose address the proxy does not tell */
	PROXY_CLIENT,  /* address and port */
};

/* The payload of REQUEST_PEER: the client as named by a PROXY header. */
struct claim {
	uint32_t kind; /* enum proxy_kind */
	uint32_t port;
	uint8_t address[NETWORK_ADDRESS];
};

/* True if a payload is a well formed claim. */
bool claim_valid(const void *payload, size_t size);

/* Replaces the proxy's peer by the one that the claim names. */
void claim_apply(const struct claim *, struct peer *);

#endif
