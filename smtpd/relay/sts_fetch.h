/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_STS_FETCH_H
#define RESTANTE_SMTPD_RELAY_STS_FETCH_H

#include "common/dns/dns.h"
#include "common/tls/tls_client.h"

#include <stdbool.h>
#include <sys/types.h>

#define STS_PATH "/.well-known/mta-sts.txt"

/*
 * Gets the MTA-STS policy of a domain from its web server, within 30 s.  Needs
 * sockets only; tls with those that we trust.  How many octets; -1: why says
 * what went wrong, and so does untrusted, if it is the certificate.
 */
ssize_t sts_fetch(struct dns *, const struct tls_client *, const char *domain,
    char *text, size_t size, bool *untrusted, char why[CONFIG_ERROR]);

#endif
