/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_EXPLAIN_H
#define RESTANTE_SMTPD_ADMIN_EXPLAIN_H

#include "common/config/config.h"

/*
 * smtpd -bt: prints what would happen to mail from sender (or NULL) for each
 * of the addresses, NULL behind the last, and sends nothing.  Answers an exit
 * status: EX_OK; of what went wrong first: EX_NOUSER (no such user here),
 * EX_NOHOST (a domain that takes no mail), EX_TEMPFAIL (mail would wait),
 * EX_CONFIG (so it would, until the configuration is mended), EX_USAGE.
 */
int route_explain(const struct config *, const char *sender, char **addresses);

#endif
