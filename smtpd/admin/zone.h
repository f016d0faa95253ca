/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ZONE_H
#define RESTANTE_SMTPD_ADMIN_ZONE_H

#include "common/config/config.h"

#include <stdbool.h>

/* --dns: what the DNS should have about a mail domain. */

enum zone_form {
	ZONE_FILE,  /* lines of a zone file */
	ZONE_WEB,   /* name, type and value, as web pages ask for them */
	ZONE_CHECK, /* compared with what the DNS has */
};

/*
 * Prints that, as one object of JSON if json is set.  domain NULL: the first of
 * ours.  policy: a file to which the policy of MTA-STS is written instead, or
 * NULL.  EX_OK; for ZONE_CHECK 1 if something is missing or another, 2 if that
 * cannot be found out now; else an exit status of sysexits.h.
 */
int admin_dns(const struct config *, const char *domain, enum zone_form,
    const char *policy, bool json);

/* Prints those alone by which clients find the servers.  An exit status. */
int admin_dns_services(const struct config *, const char *domain);

#endif
