/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_CLIENTS_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_CLIENTS_PRIVATE_H

#include "smtpd/admin/clients.h"
#include "smtpd/admin/dkim.h"

enum {
	CLIENTS_POP3S = 995,
	CLIENTS_IMAPS = 993,
	CLIENTS_SUBMISSIONS = 465,
	CLIENTS_USER = 64, /* octets of a local part */
};

/* The account that is described. */
struct clients {
	char domain[DKIM_KEY_NAME],
	    host[DKIM_KEY_NAME];     /* as the DNS has them */
	char shown[CONFIG_NAME];     /* the domain, as people write it */
	char user[CLIENTS_USER + 1]; /* of one user, or "" */
	bool imap; /* another server has it: the first choice */
};

/* ---- clients_xml.c ---- */

void clients_thunderbird(const struct clients *);
void clients_outlook(const struct clients *);

/* ---- clients_apple.c ---- */

void clients_apple(const struct clients *);

/* ---- clients_text.c ---- */

/* Prints a text between tags: no octet of it is markup. */
void clients_text(const char *text);

#endif
