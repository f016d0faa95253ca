/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_PASSWD_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_PASSWD_PRIVATE_H

#include "smtpd/admin/passwd.h"

#include <stdbool.h>

/* smtpd --passwd: what its two ways share. */

enum { PASSWORD = 256 };

/*
 * Reads one line of standard input; or asks at the terminal, for a new password
 * twice.  0, or -1, logged.
 */
int passwd_read(const char *prompt, bool again, char password[PASSWORD])
    __attribute__((warn_unused_result));

/*
 * True if whoever runs us cannot write the users file, and has to ask the
 * server: passwd_own.c.
 */
bool passwd_needs_server(const struct config *);

/* Has the server change the password of whoever runs us.  An exit status. */
int passwd_change_own(
    const struct config *, const struct passwd_change *, const char *user);

#endif
