/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_DELIVERY_H
#define RESTANTE_SMTPD_WORKER_DELIVERY_H

#include "common/job/job.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * REQUEST_DELIVER: a session has taken a message into its body file.  The
 * payload is its envelope, as mail_head() writes it.
 */

/* The server looks at the size alone: a text is for a worker to read. */
bool delivery_valid(const void *payload, size_t size);

/*
 * Reads the envelope; it is to be freed.  What a session has no say in, the
 * server knows: user, client and arrival are those of the task and of now.
 * false: not what a session of ours writes, and nothing is to be freed.
 */
bool delivery_envelope(const struct task *, time_t now, struct mail *);

/*
 * Workers.  delivery_run: STATUS_OK when every user has the message,
 * STATUS_QUEUED when the rest is in the queue, durably; STATUS_NO: a recipient
 * elsewhere, of somebody who may not send there; STATUS_LATER: nobody has it,
 * enqueue_run() is to queue it.
 */
enum status delivery_run(const struct task *);
enum status enqueue_run(const struct task *);

#endif
