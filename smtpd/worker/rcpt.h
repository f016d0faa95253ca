/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_RCPT_H
#define RESTANTE_SMTPD_WORKER_RCPT_H

#include "common/job/job.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>
#include <stddef.h>

/* REQUEST_RCPT in a worker. */

/* Checks the size, what is asked for, and that all strings end. */
bool rcpt_valid(const void *payload, size_t size);

/* The worker: STATUS_OK with a struct rcpt_answer. */
enum status rcpt_run(const struct task *);

#endif
