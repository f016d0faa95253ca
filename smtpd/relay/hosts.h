/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_HOSTS_H
#define RESTANTE_SMTPD_RELAY_HOSTS_H

#include "smtpd/relay/connect.h"

/* The administrator's own names, hosts(5), which no name server knows. */

/*
 * The addresses of the host in file, as hosts that need no DNS; none: count is
 * 0.
 */
void hosts_find(const char *file, const char *host, struct exchangers *);

#endif
