/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_AUTH_VERIFY_H
#define RESTANTE_SMTPD_AUTH_VERIFY_H

#include "common/job/job.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>
#include <stddef.h>

/* Finds out who vouches for a stranger's message: REQUEST_VERIFY. */

bool verify_valid(const void *payload, size_t size);

/*
 * A worker, which gives up its rights before it reads the message or asks.
 * STATUS_OK: there is an answer, and the results are in the body file, where
 * fields that others forged are no more.  Trouble with the DNS is a result like
 * others; STATUS_TEMPORARY: the file cannot be read or written.
 */
enum status verify_run(const struct task *);

#endif
