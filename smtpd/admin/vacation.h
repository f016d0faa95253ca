/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_VACATION_H
#define RESTANTE_SMTPD_ADMIN_VACATION_H

#include "common/config/config.h"

#include <stdbool.h>

/* smtpd --vacation: the answer of a user who is away, from standard input. */

struct vacation_wish {
	const char *user;
	const char *from, *until; /* days, or NULL */
	const char *subject;      /* NULL: that of each message */
	bool off;
};

/* Returns the exit status. */
int vacation_run(const struct config *, const struct vacation_wish *);

#endif
