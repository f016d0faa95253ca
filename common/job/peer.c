/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/job/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

void
peer_set_ip(struct peer *p, const uint8_t ip[16], unsigned port)
{
	struct in6_addr a;

	memset(p, 0, sizeof(*p));
	memcpy(&a, ip, sizeof(a));
	p->uid = (uid_t)-1;
	p->port = port;
	memcpy(p->ip, ip, sizeof(p->ip));
	if (IN6_IS_ADDR_V4MAPPED(&a)) {
		inet_ntop(AF_INET, ip + 12, p->address, sizeof(p->address));
		p->loopback = ip[12] == 127;
		memcpy(p->network, ip, sizeof(p->network));
		return;
	}
	inet_ntop(AF_INET6, &a, p->address, sizeof(p->address));
	p->loopback = IN6_IS_ADDR_LOOPBACK(&a);
	memcpy(p->network, ip, 8);
}

const uint8_t *
peer_address(const struct peer *p)
{
	struct peer plain;

	if (p->prober || network_is_none(p->ip)) {
		return NULL;
	}
	peer_set_ip(&plain, p->ip, p->port);
	return p->loopback || !plain.loopback ? p->ip : NULL;
}

bool
peer_is_in(const struct peer *p, const struct network *n)
{
	const uint8_t *address = peer_address(p);

	return address != NULL && network_has(n, address);
}

bool
claim_valid(const void *payload, size_t size)
{
	struct claim claim;

	if (size != sizeof(claim)) {
		return false;
	}
	memcpy(&claim, payload, sizeof(claim));
	return claim.kind <= PROXY_CLIENT && claim.port <= 65535 &&
	       (claim.kind != PROXY_CLIENT || !network_is_none(claim.address));
}

void
claim_apply(const struct claim *claim, struct peer *peer)
{
	if (claim->kind == PROXY_CLIENT) {
		peer_set_ip(peer, claim->address, claim->port);
	}
	peer->prober = claim->kind != PROXY_CLIENT;
	/* Only the proxy itself is where it says: a loopback address that it
	 * claims for a client belongs to another machine, or to none. */
	peer->loopback = peer->loopback && claim->kind == PROXY_OWN;
}
