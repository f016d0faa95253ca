/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_UNDELETE_H
#define RESTANTE_POP3D_ADMIN_UNDELETE_H

#include "common/config/config.h"

/*
 * pop3d --deleted USER: the deleted mail that is kept aside.
 * pop3d --undelete USER [ID...]: puts all of it back into the mailbox, or that
 * with these ids; what is in the mailbox already is passed over.  Exit
 * statuses.
 */
int deleted_run(const struct config *, int count, char **words);
int undelete_run(const struct config *, int count, char **words);

#endif
