/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_PROXY_H
#define RESTANTE_COMMON_SESSION_PROXY_H

#include "common/job/peer.h"
#include "common/text/network.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The header of the PROXY protocol, versions 1 and 2: what a proxy says of its
 * client, in front of what the client says.  Pure.
 */

enum {
	PROXY_FIRST = 15, /* octets: there is no header below that */
	PROXY_MOST = 4096,
};

enum proxy_result {
	PROXY_MORE, /* so far it is one: need octets more, at least */
	PROXY_BAD,
	PROXY_DONE, /* length octets of it */
};

struct proxy {
	enum proxy_kind kind;
	uint8_t address[NETWORK_ADDRESS];
	unsigned port;
	size_t length;
	size_t need; /* never beyond the end of the header */
};

/* Reads as much of it as there is. */
enum proxy_result proxy_parse(const uint8_t *data, size_t len, struct proxy *)
    __attribute__((warn_unused_result));

#endif
