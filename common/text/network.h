/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_NETWORK_H
#define RESTANTE_COMMON_TEXT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Networks of IPv4 and IPv6, as lists of them are configured.  Pure. */

enum { NETWORK_ADDRESS = 16, NETWORK_TEXT = 64 };

/* IPv4 is in it as ::ffff:192.0.2.1. */
struct network {
	uint8_t address[16];
	unsigned bits; /* 0 to 128 */
};

/* Reads an address; false: it is none. */
bool network_address(const char *text, uint8_t address[16]);

/*
 * Reads "192.0.2.1", "192.0.2.0/24", "2001:db8::1" or "2001:db8::/32"; false:
 * none of these, or with bits after those that count.
 */
bool network_parse(const char *text, struct network *);

/* True if the address is in it. */
bool network_has(const struct network *, const uint8_t address[16]);

/* True if it is in one of a list; that of a pipe, which has none, is in none.
 */
bool network_listed(
    const struct network *list, size_t n, const uint8_t address[16]);

/* True if all octets of an address are 0: there is no peer. */
bool network_is_none(const uint8_t address[16]);

/* True if an address is one of IPv4; writes it as people do, into text. */
bool network_is_v4(const uint8_t address[16]);
const char *network_text(const uint8_t address[16], char text[NETWORK_TEXT]);

#endif
