/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ADMIN_H
#define RESTANTE_SMTPD_ADMIN_ADMIN_H

#include "common/config/config.h"

/* What the administrator asks smtpd for.  All answer an exit status. */

/* Tests the whole set-up, and says what to type next: check.c. */
int admin_check(const struct config *);

/* Prints who is slowed down or refused, or forgives: penalties.c. */
int admin_penalties(const struct config *);
int admin_forgive(const struct config *, const char *address);

#endif
