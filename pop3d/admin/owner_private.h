/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_OWNER_PRIVATE_H
#define RESTANTE_POP3D_ADMIN_OWNER_PRIVATE_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "spool/store.h"

/*
 * Runs act in a process of its own that has become the owner of the user's
 * mailbox for good, and that is killed after limit ms: a user can stop it.  An
 * exit status: act's, or why there was none, and then the reason is logged.
 */
int owner_run(const struct config *, const struct names *, const char *user,
    int (*act)(const struct store *, void *context), void *context, int limit);

/* Does the same for a user who was named on the command line. */
int owner_run_for(const struct config *, const char *word,
    int (*act)(const struct store *, void *context), void *context, int limit);

/*
 * Runs act as the owner of a user's directory below the key state's, which is
 * open: for what needs no mailbox, even if there is no such user any more.
 */
int owner_run_in(int directory, int (*act)(int directory, void *context),
    void *context, int limit);

#endif
