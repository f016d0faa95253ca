/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_OWN_PASSWORD_H
#define RESTANTE_COMMON_LOGIN_OWN_PASSWORD_H

#include "common/job/job.h"
#include "common/job/own_password.h"

/*
 * Changes the password of the user's own line in the users file, in a worker:
 * that of the user who has logged in, or of the one whose name and mailbox are
 * those of the client's uid.  Answers a struct own_answer; STATUS_NO: the
 * present password is wrong.  Passwords with a label, which are for devices,
 * change nothing, and are not changed.
 */
enum status own_password_run(const struct task *);

#endif
