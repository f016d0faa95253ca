/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_RUN_H
#define RESTANTE_SMTPD_SESSION_RUN_H

#include "common/job/job.h"

enum { SESSION_LIFE = 4 * 60 * 60 * 1000 }; /* ms */

/* Runs a session from greeting to good-bye; the service's session function. */
enum session_end session_run(const struct connection *);

#endif
