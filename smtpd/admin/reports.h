/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_H

#include "common/config/config.h"

#include <stdbool.h>

/*
 * --reports: sums up the aggregate reports of DMARC (RFC 9990) in files: XML,
 * packed by gzip or zip or not at all, mail messages and mailboxes that have
 * such attachments.  files ends with NULL, "-" is standard input; none: the
 * mailbox of postmaster.  Prints a table, or one object of JSON.  EX_OK, or an
 * exit status of sysexits.h: EX_DATAERR if some report could not be read.
 */
int admin_reports(const struct config *, char **files, bool json);

#endif
