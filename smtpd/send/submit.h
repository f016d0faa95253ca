/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_SUBMIT_H
#define RESTANTE_SMTPD_SEND_SUBMIT_H

#include "common/server/server.h"
#include "smtpd/options.h"

/*
 * sendmail(8): takes the message that fd reads, completes its header section,
 * and hands it to a session, that of the submission socket if somebody listens
 * there, else one of our own.  An exit status of sysexits.h; 0 only when the
 * message is durable, in mailboxes or in the queue.
 */
int submit(const struct service *, const struct config *,
    const struct options *, int fd);

#endif
