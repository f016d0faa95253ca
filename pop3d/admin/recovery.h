/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_RECOVERY_H
#define RESTANTE_POP3D_ADMIN_RECOVERY_H

#include "common/config/config.h"

/*
 * pop3d --recover: finishes, for all users, what a crash has interrupted; to
 * be run at boot before anything else opens a mailbox.  An exit status.
 */
int recovery_run(const struct config *, int count, char **words);

#endif
