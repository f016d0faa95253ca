/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_OWNER_H
#define RESTANTE_SMTPD_LOCAL_OWNER_H

#include "common/login/users.h"
#include "smtpd/local/mailbox.h"

#include <sys/types.h>

/*
 * The account that a file or a command of the aliases or of a ~/.forward
 * belongs to: never root.  A runner that is not root does this for its own
 * account alone, which "" means, too.  0, or -1 with the reason in words.
 */
int owner_find(const char *name, struct account *, char why[LOCAL_WHY])
    __attribute__((warn_unused_result));

/* Becomes it for good, in no group but its own and shared (or (gid_t)-1). */
int owner_become(const struct account *, gid_t shared, char why[LOCAL_WHY])
    __attribute__((warn_unused_result));

#endif
