/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_CLIENTS_H
#define RESTANTE_SMTPD_ADMIN_CLIENTS_H

#include "common/config/config.h"

/* --clients: settings for mail clients, for people and for programs. */

enum clients_form {
	CLIENTS_PAGE,        /* for people */
	CLIENTS_THUNDERBIRD, /* autoconfiguration, XML */
	CLIENTS_APPLE,       /* a configuration profile, for one user */
	CLIENTS_OUTLOOK,     /* Autodiscover, XML */
	CLIENTS_SRV,         /* records of RFC 6186 and RFC 8314 */
	CLIENTS_NGINX,       /* a web server that has the files */
};

/*
 * Prints that for a domain; NULL: the first of ours.  user: for CLIENTS_APPLE,
 * a local part or an address.  An exit status.
 */
int admin_clients(const struct config *, const char *domain, enum clients_form,
    const char *user);

#endif
