/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RESOLVER_SERVE_H
#define RESTANTE_SMTPD_RESOLVER_SERVE_H

/*
 * The resolver (common/dns/resolver.h): answers on the socket that systemd has
 * handed down, as an ordinary user, and ends when it has been idle for a while.
 * An exit status of sysexits(3).
 */
int resolver_serve(void);

#endif
