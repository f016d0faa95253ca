/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_REPORTS_SEND_H
#define RESTANTE_SMTPD_ADMIN_REPORTS_SEND_H

#include "common/config/config.h"
#include "common/server/server.h"

/*
 * Sends the reports of DMARC (RFC 9990) and on TLS (RFC 8460) of the days that
 * are over, to those who ask for them: the key reports.  What cannot be sent is
 * logged, and dropped.
 */
void reports_send(const struct service *, const struct config *);

#endif
