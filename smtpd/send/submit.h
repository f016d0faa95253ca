/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_SUBMIT_H
#define RESTANTE_SMTPD_SEND_SUBMIT_H

#include "smtpd/options.h"
#include "smtpd/send/reserve.h"

/*
 * sendmail(8): takes the message that fd reads, completes its header section,
 * and hands it to a session, that of the submission socket if somebody listens
 * there, else one of our own.  An exit status of sysexits.h; 0 only when the
 * message is durable, in mailboxes or in the queue.  The process is confined
 * from then on.
 */
int submit(const struct service *, const struct config *,
    const struct options *, int fd);

/* Does the same in a process for which reserve_begin() has been called. */
int submit_begun(struct reserve *, const struct options *, int fd);

#endif
