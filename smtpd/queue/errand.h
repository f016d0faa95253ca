/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_ERRAND_H
#define RESTANTE_SMTPD_QUEUE_ERRAND_H

#include "common/config/config.h"

#include <stdbool.h>

/* The queue runner as the errand of a server (common/server/server.h). */

/*
 * Whether nobody has looked after what waits for some time: so any connection
 * serves as a clock on a machine that has no other.
 */
bool queue_errand_due(const struct config *);

/* Runs the queue once. */
void queue_errand_run(const struct config *);

#endif
