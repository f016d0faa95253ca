/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_BUILD_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_BUILD_H

#include "common/config/config.h"
#include "common/dns/dns.h"
#include "smtpd/admin/reports_send_private.h"

/*
 * Makes mails of the notes of a day, which begins at begin: asks the DNS who
 * wants reports, and where.  Each mail is whole in the outbox as soon as it is
 * counted there.  Runs in a sandbox, with sockets.  The notes are sorted in
 * place.  -1: not enough memory.
 */
int report_build(const struct report_kind *, const struct config *,
    const struct dns *, struct span notes, int64_t begin, const char *from,
    struct outbox *);

#endif
