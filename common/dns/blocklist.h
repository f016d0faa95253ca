/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_BLOCKLIST_H
#define RESTANTE_COMMON_DNS_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lists of addresses in the DNS (RFC 5782).  Pure. */

enum {
	BLOCKLIST_ZONE = 180, /* with an address in front it is a name still */
	BLOCKLIST_CODES = 8,
	BLOCKLIST_NAME = 256,
};

/* Addresses of IPv4 as numbers, both included. */
struct blocklist_code {
	uint32_t first, last;
};

struct blocklist {
	char zone[BLOCKLIST_ZONE + 1];
	struct blocklist_code codes[BLOCKLIST_CODES];
	size_t ncodes; /* 0: whatever RFC 5782 section 2.1 has for one */
};

/*
 * Reads "bl.example.org" or "bl.example.org=127.0.0.2,127.0.0.4-11": a zone,
 * and which of its answers count.  false: neither.
 */
bool blocklist_parse(const char *text, struct blocklist *);

/* The name to ask for: the address reversed, in front of the zone. */
void blocklist_name(const struct blocklist *, const uint8_t address[16],
    char name[BLOCKLIST_NAME]);

enum blocklist_answer {
	BLOCKLIST_IGNORED,
	BLOCKLIST_LISTED,
	BLOCKLIST_REFUSED, /* 127.255.255.x: the list does not serve us */
	BLOCKLIST_SILENT,  /* there is no answer, or that of a failure */
};

/* Interprets an answer of the zone, given as a number. */
enum blocklist_answer blocklist_read(const struct blocklist *, uint32_t answer);

#endif
