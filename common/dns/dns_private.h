/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_PRIVATE_H
#define RESTANTE_COMMON_DNS_DNS_PRIVATE_H

#include "common/dns/dns.h"

/* The resolver that queries name servers, or NULL: this process does. */
struct resolver *dns_resolver(const struct dns *);

#endif
