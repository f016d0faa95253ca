/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_AT_ONCE_PRIVATE_H
#define RESTANTE_SMTPD_WORKER_AT_ONCE_PRIVATE_H

#include "common/job/job.h"
#include "common/login/users.h"
#include "smtpd/local/forward.h"
#include "spool/mail.h"
#include "spool/store.h"

#include <stdint.h>

/* Shared by the files of this module. */

/* Logs and counts a delivery; text: what became of it, or why not. */
void at_once_log(const struct task *, const struct mail *,
    const struct recipient *, int64_t started, enum status, const char *text);

/* Everything that a resident has. */
struct resident_owner {
	const struct task *task;             /* of its first job */
	const struct recipient *recipient;   /* of that, and of all others */
	const struct account *account;       /* whom the process has become */
	const struct forward_place *forward; /* nowhere: it does not count */
	const struct store *store;           /* to which it is confined */
	struct lock_stock *locks;            /* if it is that */
};

/* Answers the first job, and stays for more. */
_Noreturn void at_once_stay(const struct resident_owner *);

#endif
