/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_SEND_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_SEND_H

#include "common/config/config.h"
#include "common/server/server.h"

/*
 * Sends the reports of DMARC of the days that are over (RFC 9990), to those
 * who ask for them: the key reports.  What cannot be sent is logged, and
 * dropped.
 */
void reports_send(const struct service *, const struct config *);

#endif
