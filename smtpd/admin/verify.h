/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_VERIFY_H
#define RESTANTE_SMTPD_ADMIN_VERIFY_H

#include "common/config/config.h"

/*
 * sendmail -bv: a line for each address, NULL behind the last, whether mail
 * for it would be delivered; sends nothing.  An exit status as that of
 * route_explain(), of what went wrong first.
 */
int verify(const struct config *, const char *sender, char **addresses);

#endif
