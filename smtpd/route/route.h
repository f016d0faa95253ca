/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_ROUTE_H
#define RESTANTE_SMTPD_ROUTE_ROUTE_H

#include "common/address.h"
#include "common/config.h"
#include "smtpd/route/hop.h"

#include <stdbool.h>

/* Where mail for an address goes.  Pure: no DNS, no files. */

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
 * In this order: our own domains; the keys "route" by recipient domain (the
 * longest match), "sender-relay" by sender address, then its domain; "relay";
 * else the MX of the domain, with "fallback-relay" behind it.
 */
void route_find(const struct config *, const char *sender,
    const struct address *recipient, struct route *);

#endif
