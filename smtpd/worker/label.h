/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_LABEL_H
#define RESTANTE_SMTPD_WORKER_LABEL_H

#include "common/job/job.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * REQUEST_LABEL: sessions cannot load the tables for domains outside ASCII,
 * which few messages have; see common/text/idna.h.
 */

bool label_valid(const void *payload, size_t size);

/*
 * A worker, which gives up its rights before it looks at the label.  STATUS_OK:
 * the answer is the A-label, NUL ended; STATUS_NO: no name has such a label.
 */
enum status label_run(const struct task *);

#endif
