/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_LOGIN_H
#define RESTANTE_COMMON_LOGIN_LOGIN_H

#include "common/job/job.h"
#include "common/job/login.h"

/* Logins: the check in a worker. */

/* The worker's check: the server believes its exit status. */
enum status login_run(const struct task *);

/*
 * For SCRAM, before that: the salt of a name, the same kind of answer for
 * every name; and our signature under what was said, if the proof is right.
 * Neither logs anybody in.
 */
enum status login_salt_run(const struct task *);
enum status login_proof_run(const struct task *);

/*
 * For EXTERNAL, when the client does not say who it is: the name (NUL ended)
 * of the one user who has the certificate.  Logs nobody in, either.
 */
enum status login_name_run(const struct task *);

#endif
