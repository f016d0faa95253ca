/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_ETRN_H
#define RESTANTE_SMTPD_WORKER_ETRN_H

#include "common/job/job.h"

#include <stdbool.h>
#include <stddef.h>

/* ETRN (RFC 1985): a host that is there again has its mail sent. */

/* True if an address is in it.  Pure. */
bool etrn_matches(const char *address, const char *domain);

/*
 * A worker: has what waits for the domain tried at once.  STATUS_QUEUED: some
 * does; STATUS_OK: nothing does.  Mail that is held goes on waiting.
 */
enum status etrn_run(const struct task *);

#endif
