/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_LOGINS_H
#define RESTANTE_POP3D_ADMIN_LOGINS_H

#include "common/config/config.h"

/*
 * pop3d --last-login [USER]: prints when, how and from where users last logged
 * in.  An exit status.
 */
int logins_run(const struct config *, int count, char **words);

#endif
