/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_RCPT_H
#define RESTANTE_SMTPD_WORKER_RCPT_H

#include "common/server/server.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the payload of REQUEST_LOOKUP names a user. */
bool lookup_valid(const void *payload, size_t size);
enum status lookup_run(const struct task *);

#endif
