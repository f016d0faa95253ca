/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_ALLOWANCE_H
#define RESTANTE_SMTPD_WORKER_ALLOWANCE_H

#include "common/job/job.h"
#include "smtpd/worker/table.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * How much an account may send to others in an hour, by account-messages and
 * account-recipients: a stolen password is not to fill the world.
 */

/*
 * Counts a message against the account that sends it; for workers, before the
 * message is accepted.  STATUS_LIMITED: the account has had its share, which is
 * logged.  Mail only to addresses of ours does not count, nor does mail from
 * strangers.
 */
enum status allowance_take(const struct task *, const struct mail *);

/* ---- pure ---- */

struct allowance {
	uint64_t messages, recipients; /* in an hour; 0: any number */
};

/*
 * True if a message to that many fits in at a time, by the record of the
 * account; if so, counts it there.  The hour is any sixty minutes: of the last
 * full hour of the clock as much counts as lies within them.
 */
bool allowance_fits(struct table_entry *, const struct allowance *,
    uint32_t now, uint32_t recipients);

#endif
