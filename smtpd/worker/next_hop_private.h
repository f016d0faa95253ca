/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_WORKER_NEXT_HOP_PRIVATE_H
#define RESTANTE_SMTPD_WORKER_NEXT_HOP_PRIVATE_H

#include "smtpd/job/requests.h"
#include "smtpd/relay/inquiry.h"

#include <stdbool.h>

/*
 * Makes the answer of what a process says that the hop has said, of which
 * nothing is believed but what can be said to a client: codes that a client may
 * get for RCPT, printable ASCII, in one line.  full: it is for want of room.
 * With INQUIRY_FAILED, the line is for the log.  Pure.
 */
void next_hop_read(
    struct inquiry_answer *said, struct next_hop_answer *, bool *full);

#endif
