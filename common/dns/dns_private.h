/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_DNS_PRIVATE_H
#define RESTANTE_COMMON_DNS_DNS_PRIVATE_H

#include "common/dns/dns.h"

/* By which name servers are asked, or NULL: from here. */
struct resolver *dns_resolver(const struct dns *);

#endif
