/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_SERVER_H
#define RESTANTE_COMMON_DNS_DNS_SERVER_H

#include "common/dns/dns.h"

#include <netinet/in.h>
#include <stdbool.h>

/* Addresses of name servers, with their ports.  Pure; for dns.c. */

/* "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53" */
bool dns_server_parse(const char *text, struct dns_address *);

enum { DNS_SERVER_TEXT = INET6_ADDRSTRLEN + 16 };

/* The form with a port. */
void dns_server_text(const struct dns_address *, char text[DNS_SERVER_TEXT]);

#endif
