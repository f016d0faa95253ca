/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_NEXT_HOP_H
#define RESTANTE_SMTPD_WORKER_NEXT_HOP_H

#include "common/job/job.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>
#include <stddef.h>

/* REQUEST_NEXT_HOP in a worker. */

/* Checks the size, the number, and that the string ends. */
bool next_hop_valid(const void *payload, size_t size);

/*
 * The worker: STATUS_OK with a struct next_hop_answer.  If the task allows more
 * than one job, it stays for them (common/job/resident.h), and does not return:
 * for recipients with the same next hop.
 */
enum status next_hop_run(const struct task *);

#endif
