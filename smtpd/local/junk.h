/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_JUNK_H
#define RESTANTE_SMTPD_LOCAL_JUNK_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "spool/store.h"

#include <stdbool.h>

/*
 * Mail that is filed apart: what X-Spam-Flag: YES marks goes into the file that
 * the key junk names, and not into the user's mailbox.
 *
 * Called by a process that has become the owner: it reads the message, and
 * makes the store that of the file.  True if it is that one now.  Where the
 * file's folder is missing, or not for the owner to write to, marked mail goes
 * into the mailbox as if the key were not there, and the log says so.
 */
bool junk_choose(
    const struct config *, const struct account *, int message, struct store *);

#endif
