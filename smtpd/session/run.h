/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_RUN_H
#define RESTANTE_SMTPD_SESSION_RUN_H

#include "common/job/job.h"

#include <stdbool.h>

/* Runs a session from greeting to good-bye; the service's session function. */
bool session_run(const struct connection *);

#endif
