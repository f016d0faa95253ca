/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_OWNER_H
#define RESTANTE_SMTPD_LOCAL_OWNER_H

#include "common/login/users.h"
#include "smtpd/local/mailbox.h"

/*
 * The account that a file or a command of the aliases or of a ~/.forward
 * belongs to: never root.  A runner that is not root does this for its own
 * account alone, which "" means, too.  0, or -1 with the reason in words.
 */
int owner_find(const char *name, struct account *, char why[LOCAL_WHY])
    __attribute__((warn_unused_result));

/* become_account(), with its failure in words.  0, or -1. */
int owner_become(const struct config *, const struct account *,
    const char *mailbox, char why[LOCAL_WHY])
    __attribute__((warn_unused_result));

#endif
