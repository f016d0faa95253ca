/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_OAUTH_H
#define RESTANTE_COMMON_LOGIN_OAUTH_H

#include "common/login/login.h"

/* Checks a token for a user: the key oauth-command names a program that knows
 * (restante.conf(5) has what it reads and answers).  For workers; takes as long
 * as the program, up to a limit.
 *
 * user is a user_name(), or a name that no user can have: the program is asked
 * about both, so that time tells nothing. STATUS_OK, STATUS_NO, or
 * STATUS_TEMPORARY, with the reason logged.
 */
enum status oauth_check(const struct task *, const struct login *,
    const char *user) __attribute__((warn_unused_result));

#endif
