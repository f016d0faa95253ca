/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_ROUTE_H
#define RESTANTE_SMTPD_ROUTE_ROUTE_H

#include "common/config/config.h"
#include "common/names/aliases.h"
#include "common/text/address.h"
#include "smtpd/route/hop.h"

#include <stdbool.h>

/* Finds where mail for an address goes.  Pure: no DNS, no files. */

enum route_kind {
	ROUTE_LOCAL, /* one of our domains */
	ROUTE_HOP,
	ROUTE_NONE, /* no way to send such mail: config trouble, defer */
};

struct route {
	enum route_kind kind;
	struct hop hop;
	bool has_fallback;
	struct hop fallback;    /* when the hop's hosts cannot be reached */
	char why[CONFIG_ERROR]; /* which rule said so, for -bt; or the error */
};

/*
 * Finds the route, in this order: our own domains, unless they are handed on;
 * the keys "route" by recipient domain (the longest match), "sender-relay" by
 * sender address, then its domain; "relay"; else the MX of the domain.  These
 * last two, and every hop that goes by MX, have the "fallback-relay" after
 * them.
 */
void route_find(const struct config *, const char *sender,
    const struct address *recipient, struct route *);

/*
 * Finds where mail for a user's mailbox goes: the key "deliver-by", else here.
 */
void route_user(const struct config *, struct route *);

/*
 * True if mail for users of a domain of ours is handed on to another server:
 * a key "route" names the domain, and not only by "*".
 */
bool route_hands_on(const struct config *, const char *domain);

/*
 * True if the next hop says whether there is such a recipient, and not the
 * users here ("recipient-check next-hop"): of a domain of ours that is handed
 * on, an address that is no alias, and no sender of ours that reports come back
 * to.
 */
bool route_is_asked(
    const struct config *, const struct address *, const struct resolved *);

/* The address as it is handed on, with its domain.  Returns text. */
enum { ROUTE_ADDRESS = ADDRESS_TEXT + CONFIG_NAME };
const char *route_address(
    const struct config *, const struct address *, char text[ROUTE_ADDRESS]);

#endif
