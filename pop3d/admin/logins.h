/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_LOGINS_H
#define RESTANTE_POP3D_ADMIN_LOGINS_H

#include "common/config/config.h"

/*
 * pop3d --last-login [USER]: who logged in last, when, how and whence.  An exit
 * status.
 */
int logins_run(const struct config *, int count, char **words);

#endif
