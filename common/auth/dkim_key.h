/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_DKIM_KEY_H
#define RESTANTE_COMMON_AUTH_DKIM_KEY_H

#include "common/text/bytes.h"
#include "common/tls/public_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys as the DNS has them (RFC 6376 section 3.6.1).  Pure. */

enum { DKIM_KEY_OCTETS = 2048 };

struct dkim_key {
	uint8_t octets[DKIM_KEY_OCTETS]; /* p, decoded */
	size_t len;
	bool testing; /* t=y */
	bool strict;  /* t=s: for no identity below the domain */
};

/*
 * Takes the one record that is a key, of those that a name has; each is all
 * strings of one TXT record, joined.  NULL, or why there is no such key of that
 * kind.
 */
const char *dkim_key_read(const struct span *records, size_t count,
    enum public_key_kind, struct dkim_key *);

#endif
