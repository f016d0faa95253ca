/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_LOGIN_H
#define RESTANTE_SMTPD_WORKER_LOGIN_H

#include "common/job/job.h"

/*
 * The worker of REQUEST_LOGIN: login_run(), and a note of a login that has
 * succeeded, see common/login/last_login.h.
 */
enum status login_noted_run(const struct task *);

#endif
