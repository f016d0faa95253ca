/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_AT_ONCE_H
#define RESTANTE_SMTPD_WORKER_AT_ONCE_H

#include "common/job/job.h"
#include "spool/mail.h"

#include <stddef.h>

/*
 * A message straight into the mailbox of a user, whom the process becomes for
 * good.  STATUS_OK; STATUS_LATER: the queue has to deliver it, and if it was
 * tried the log says why not.
 *
 * If the task allows more than one job (common/job/resident.h) and this one
 * succeeds, the process stays for them and does not return: for mail to the
 * same recipient, as its senders write it.
 */
enum status at_once_deliver(
    const struct task *, const struct mail *, size_t recipient);

#endif
