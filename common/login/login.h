/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_LOGIN_H
#define RESTANTE_COMMON_LOGIN_LOGIN_H

#include "common/job/job.h"
#include "common/job/login.h"

/* Checks logins, in a worker. */

/* Checks a login; the server trusts the worker's exit status alone. */
enum status login_run(const struct task *);

/* For SCRAM, before login_run(): answer the salt of a name, which looks the
   same for unknown names; and our signature of the AuthMessage, if the proof
   is right.  Neither logs a user in. */
enum status login_salt_run(const struct task *);
enum status login_proof_run(const struct task *);

/*
 * For EXTERNAL, when the client names no user: answers the name (NUL ended) of
 * the one user who has the certificate.  It logs no user in, either.
 */
enum status login_name_run(const struct task *);

#endif
