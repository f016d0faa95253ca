/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_UNDELETE_H
#define RESTANTE_POP3D_ADMIN_UNDELETE_H

#include "common/config/config.h"

/*
 * pop3d --deleted USER: lists the deleted messages that are kept.
 * pop3d --undelete USER [ID...]: puts all of them back into the mailbox, or
 * those with these ids; messages that the mailbox has already are skipped.
 * Exit statuses.
 */
int deleted_run(const struct config *, int count, char **words);
int undelete_run(const struct config *, int count, char **words);

#endif
