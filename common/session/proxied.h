/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_PROXIED_H
#define RESTANTE_COMMON_SESSION_PROXIED_H

#include "common/server/server.h"
#include "common/session/proxy.h"
#include "common/text/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Connections that come by a proxy (the key proxy): their session reads the
 * PROXY header, before anything else, and tells the server who the client is;
 * the server says whether that one is served.
 */

/* What a REQUEST_PEER carries; a good answer carries a struct welcome. */
struct claim {
	uint32_t kind; /* enum proxy_kind */
	uint32_t port;
	uint8_t address[NETWORK_ADDRESS];
};

/* Whether a payload is one. */
bool proxied_valid(const void *payload, ssize_t size);

/* Makes of the proxy's peer the one that the claim is about. */
void proxied_peer(const struct claim *, struct peer *);

/*
 * The session's part: true with peer and welcome changed; false: it ends here,
 * which is logged, and said to the client where it can be.
 */
bool proxied_start(const struct service *, struct connection *)
    __attribute__((warn_unused_result));

#endif
