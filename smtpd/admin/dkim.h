/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_DKIM_H
#define RESTANTE_SMTPD_ADMIN_DKIM_H

#include "common/config/config.h"
#include "common/keeper/dkim_keys.h"

#include <stdbool.h>

/* The administrator's side of DKIM keys.  Exit statuses are of sysexits.h. */

/*
 * --dkim DOMAIN: makes keys if there are none, and prints the records to
 * publish.  rotate: makes the next ones, or takes them into use if the DNS
 * shows them (EX_TEMPFAIL: it does not yet).
 */
int admin_dkim(const struct config *, const char *domain, bool rotate);

/* Writes a domain as the DNS has it; false: it is none. */
bool dkim_domain(const char *text, char out[DKIM_KEY_NAME]);

enum { DKIM_RECORD = PRIVATE_KEY_PUBLIC + 64 };

/* The TXT record of a key.  0 or -1. */
int dkim_record(const struct private_key *, char record[DKIM_RECORD])
    __attribute__((warn_unused_result));

/* Prints a TXT record as a zone file has it, in strings of 255 octets. */
void dkim_print_text(const char *name, const char *record);

#endif
